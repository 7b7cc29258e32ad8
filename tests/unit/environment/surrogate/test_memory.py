"""Memory of seeds: the gates at their thresholds, and what is unmeasured never passes."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import AlphaMode, LifecycleConfig, SeedStage
from tamiyo.environment.surrogate.memory import (
    NEVER,
    SeedReadings,
    build_memory,
    judge_gates,
    take_in,
)
from tamiyo.observation import build_free_slots

CONFIG = LifecycleConfig(
    min_training_epochs=2,
    min_shadow_gain=0.1,
    min_gradient_health=0.5,
    min_blending_epochs=3,
    min_fossilize_contribution=1.0,
    contribution_errors=2.0,
)
PASSING = {
    SeedStage.TRAINING: {"epochs_in_stage": 2, "shadow_loss": 0.1, "gradient_health": 0.5},
    SeedStage.BLENDING: {"epochs_in_stage": 3, "alpha_mode": AlphaMode.HOLD},
    SeedStage.HOLDING: {
        "contribution": 1.0,
        "contribution_error": 0.5,
        "epochs_since_counterfactual": 0,
        "improvement_points": 0.0,
    },
}
BARELY_MISSED = {
    "epochs_in_stage": 1,
    "shadow_loss": 0.099,
    "gradient_health": 0.499,
    "alpha_mode": AlphaMode.UP,
    "contribution": 0.999,
    "contribution_error": 0.501,
    "epochs_since_counterfactual": 1,
    "improvement_points": -0.001,
}
CASES = [(stage, name) for stage, facts in PASSING.items() for name in facts]


def judge(stage, **facts):
    seeds, memory = build_free_slots(1, 1), build_memory(1, 1)
    seeds.stage[...] = stage
    for name, value in facts.items():
        owner = memory if name in vars(memory) else seeds
        getattr(owner, name)[...] = value
    return judge_gates(seeds, memory, CONFIG).item()


def read(**values):
    nothing = dict.fromkeys(SeedReadings._fields, np.nan)
    return SeedReadings(**{name: np.array([[v]]) for name, v in (nothing | values).items()})


@pytest.mark.parametrize("stage", PASSING, ids=lambda stage: stage.name)
def test_a_gate_passes_at_its_thresholds(stage):
    assert judge(stage, **PASSING[stage])


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_a_gate_fails_when_one_condition_is_barely_missed(stage, name):
    assert not judge(stage, **PASSING[stage] | {name: BARELY_MISSED[name]})


@pytest.mark.parametrize(
    ("stage", "name"),
    [(s, n) for s, n in CASES if n not in {"epochs_in_stage", "alpha_mode"}],
)
def test_what_is_not_measured_never_passes(stage, name):
    unknown = NEVER if name == "epochs_since_counterfactual" else np.nan
    assert not judge(stage, **PASSING[stage] | {name: unknown})


def test_only_living_stages_have_a_gate():
    assert judge(SeedStage.GERMINATED)
    for stage in (-1, SeedStage.FOSSILIZED, SeedStage.PRUNED, SeedStage.EMBARGOED):
        assert not judge(stage)


def test_velocity_starts_with_the_first_change_and_is_smoothed_afterwards():
    seeds, memory = build_free_slots(1, 1), build_memory(1, 1)
    course = []
    for points in (1.0, 3.0, np.nan, 4.0):
        take_in(read(contribution=points), seeds, memory, control_accuracy=np.array([50.0]))
        course.append(seeds.contribution_velocity.item())
    assert np.isnan(course[0])
    assert course[1:] == pytest.approx([2.0, 2.0, 0.7 * 2.0 + 0.3 * 1.0])


def test_an_incubating_seed_shows_its_shadow_gain_as_contribution():
    seeds, memory = build_free_slots(1, 1), build_memory(1, 1)
    seeds.stage[...] = SeedStage.TRAINING
    take_in(read(shadow_points=2.5), seeds, memory, control_accuracy=np.array([50.0]))
    assert seeds.contribution.item() == 2.5
    seeds.stage[...] = SeedStage.BLENDING
    take_in(read(), seeds, memory, control_accuracy=np.array([50.0]))
    assert np.isnan(seeds.contribution.item())

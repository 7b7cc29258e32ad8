"""Arrays: what reports become, and which stages exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import (
    AlphaMode,
    Blueprint,
    InteractionReport,
    SeedStage,
    ShapeError,
    StageError,
    Style,
    Tempo,
)
from tamiyo.observation import build_free_slots, gather_arrays
from tamiyo.observation.arrays import LIVING_STAGES, find_living
from tests.support.reports import (
    BLUEPRINT_PARAMETERS,
    build_alpha_report,
    build_gain,
    build_host_report,
    build_seed_report,
    build_signals,
    build_slot_report,
)


def gather(host, **changes):
    return gather_arrays([host], [build_signals(**changes.pop("signals", {}), **changes)])


def test_the_course_is_that_of_signals_and_epoch():
    signals = {"epoch": 7, "plateau_epochs": 3, "best_loss": 0.4, "loss_delta": None}
    course = gather(build_host_report(), signals=signals, train_accuracy=88.0).course
    assert (course.epoch, course.plateau_epochs, course.best_loss) == (7, 3, 0.4)
    assert course.train_accuracy == 88
    assert np.isnan(course.loss_delta)


def test_a_short_history_stands_at_the_right():
    signals = {"loss_history": (0.9, 0.8), "accuracy_history": (1.0, 2.0)}
    course = gather(build_host_report(), signals=signals).course
    np.testing.assert_equal(course.loss_history, [[np.nan, np.nan, np.nan, 0.9, 0.8]])
    np.testing.assert_equal(course.accuracy_history[0, 3:], [1.0, 2.0])


def test_a_seed_is_what_its_report_says():
    seed = build_seed_report(
        blueprint=Blueprint.ATTENTION,
        style=Style.GATED_GATE,
        tempo=Tempo.SLOW,
        alpha=build_alpha_report(
            alpha=0.4, target=0.7, mode=AlphaMode.UP, steps_total=8, steps_done=3
        ),
        contribution=build_gain(2.5),
        contribution_velocity=-0.5,
        gradient_norm=7.0,
        gradient_health=0.75,
        improvement_points=1.25,
    )
    seeds = gather(build_host_report(build_slot_report(stage=SeedStage.BLENDING, seed=seed))).seeds
    shown = {name: column.item() for name, column in vars(seeds).items()}
    assert np.isnan([shown.pop("interaction_sum"), shown.pop("boost")]).all()
    assert shown == {
        "stage": SeedStage.BLENDING,
        "blueprint": Blueprint.ATTENTION,
        "style": Style.GATED_GATE,
        "tempo": Tempo.SLOW,
        "alpha": 0.4,
        "alpha_target": 0.7,
        "alpha_mode": AlphaMode.UP,
        "steps_total": 8,
        "steps_done": 3,
        "age_epochs": 5,
        "epochs_in_stage": 1,
        "gate_passed": False,
        "contribution": 2.5,
        "contribution_velocity": -0.5,
        "improvement_points": 1.25,
        "gradient_norm": 7.0,
        "gradient_health": 0.75,
    }


@pytest.mark.parametrize(
    ("stage", "points"), [(SeedStage.TRAINING, 4.0), (SeedStage.BLENDING, -1.0)]
)
@pytest.mark.requirement("1.1")
def test_a_seed_that_incubates_shows_its_shadow_gain(stage, points):
    seed = build_seed_report(shadow_gain=build_gain(4.0), contribution=build_gain(-1.0))
    arrays = gather(build_host_report(build_slot_report(stage=stage, seed=seed)))
    assert arrays.seeds.contribution == points


def test_interactions_are_summed_over_the_pairs_that_name_the_slot():
    slots = [build_slot_report(f"r0c{k}", SeedStage.HOLDING) for k in range(4)]
    pairs = [(("r0c0", "r0c1"), 2.0), (("r0c1", "r0c2"), -5.0), (("r0c0", "r0c2"), 0.5)]
    interactions = tuple(InteractionReport(slot_ids=ids, points=points) for ids, points in pairs)
    seeds = gather(build_host_report(*slots), interactions=interactions).seeds
    np.testing.assert_equal(seeds.interaction_sum, [[2.5, -3.0, -4.5, np.nan]])
    np.testing.assert_equal(seeds.boost, [[2.0, 2.0, 0.5, np.nan]])


def test_a_boost_is_never_negative():
    slots = [build_slot_report(f"r0c{k}", SeedStage.HOLDING) for k in range(2)]
    interaction = InteractionReport(slot_ids=("r0c0", "r0c1"), points=-1.0)
    seeds = gather(build_host_report(*slots), interactions=(interaction,)).seeds
    np.testing.assert_equal(seeds.boost, [[0.0, 0.0]])


def test_sizes_tell_what_cannot_be_built_and_whether_there_is_a_budget():
    host = build_host_report(build_slot_report(gate_parameters=7), max_parameters=None)
    sizes = gather(host).sizes
    expected = [BLUEPRINT_PARAMETERS.get(blueprint, -1) for blueprint in Blueprint]
    np.testing.assert_equal(sizes.blueprint_parameters, [[expected]])
    assert (sizes.gate_parameters, sizes.max_parameters) == (7, np.inf)
    assert gather(replace(host, max_parameters=1500)).sizes.max_parameters == 1500


@pytest.mark.parametrize("slots", [1, 3])
def test_free_slots_built_or_gathered_are_the_same(slots):
    host = build_host_report(*(build_slot_report(f"r0c{k}") for k in range(slots)))
    gathered = gather_arrays([host] * 2, [build_signals()] * 2)
    np.testing.assert_equal(vars(build_free_slots(2, slots)), vars(gathered.seeds))


@pytest.mark.parametrize("stage", [None, *SeedStage])
def test_every_stage_is_known_and_five_of_them_have_a_seed(stage):
    seeds = build_free_slots(1, 1)
    if stage is not None:
        seeds.stage[0, 0] = stage
    assert find_living(seeds) == (stage in LIVING_STAGES)
    assert len(LIVING_STAGES) == 5


@pytest.mark.parametrize("stage", [-2, 5, 11, 100])
@pytest.mark.requirement("1.2")
def test_any_other_stage_is_refused_with_its_place(stage):
    seeds = build_free_slots(3, 2)
    seeds.stage[2, 1] = stage
    with pytest.raises(StageError, match=rf"slot 1 in environment 2 must be .*, got {stage}"):
        find_living(seeds)


def test_a_reported_stage_that_does_not_exist_is_refused_with_its_place():
    host = build_host_report(replace(build_slot_report("r0c4"), stage=5), environment=8)
    with pytest.raises(StageError, match=r"slot r0c4 in environment 8 must be .*, got 5"):
        gather(host)


def test_reports_that_do_not_go_together_are_refused():
    one, two = build_host_report(), build_host_report(*map(build_slot_report, ("r0c0", "r0c1")))
    signals = [build_signals()] * 2
    with pytest.raises(ShapeError, match="equally many and at least one, got 1 and 2"):
        gather_arrays([one], signals)
    with pytest.raises(ShapeError, match="at least one, got 0 and 0"):
        gather_arrays([], [])
    with pytest.raises(ShapeError, match=r"equally many slots, got \[1, 2\]"):
        gather_arrays([one, two], signals)

"""The world of the surrogate: who learns, what belongs to a network, what a step measures."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import (
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    LifecycleConfig,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.environment.surrogate.curves import compute_learning_rates
from tests.support.surrogates import act, build_started

ALWAYS = LifecycleConfig(min_fossilize_contribution=0.0, contribution_errors=0.0, ramp=False)
NORM = {"blueprint": Blueprint.NORM, "tempo": Tempo.FAST}
RATE = compute_learning_rates(np.array(Blueprint.NORM))


def build_blending(*, incubate=False, style=Style.LINEAR_ADD, **settings):
    """One environment whose first slot has just begun to blend."""
    lifecycle = LifecycleConfig(incubate=incubate, ramp=False)
    env, _ = build_started(lifecycle=lifecycle, noise_points=0.0, **settings)
    act(env, LifecycleOp.GERMINATE, style=style, **NORM)
    act(env, LifecycleOp.ADVANCE)
    return env


@pytest.mark.parametrize("incubate", [False, True])
def test_a_seed_learns_from_its_first_epoch_after_germination(incubate):
    env = build_blending(incubate=incubate)
    stage = SeedStage.TRAINING if incubate else SeedStage.BLENDING
    assert env.arrays.seeds.stage[0, 0] == stage
    learned = env.world.learned[0]
    assert learned.tolist() == pytest.approx([RATE, 0.0, 0.0])
    act(env)
    assert learned[0] == pytest.approx(1 - (1 - RATE) ** 2)


def test_a_removed_seed_takes_what_it_learned_with_it():
    env = build_blending()
    act(env, LifecycleOp.PRUNE)
    assert not env.world.learned.any()
    assert env.arrays.sizes.parameters.tolist() == [env.config.host_parameters]


def test_parameters_count_seeds_with_their_gates_until_the_gate_has_faded_out():
    env = build_blending(style=Style.GATED_GATE)
    gate = env.config.gate_parameters
    with_gate = env.arrays.sizes.parameters[0]
    assert with_gate == env.config.host_parameters + 12 + gate
    retarget = {"style": Style.LINEAR_ADD, "alpha_target": AlphaTarget.FULL}
    act(env, LifecycleOp.SET_ALPHA_TARGET, alpha_speed=AlphaSpeed.FAST, **retarget)
    course = [env.arrays.sizes.parameters[0]]
    for _ in range(2):
        act(env)
        course.append(env.arrays.sizes.parameters[0])
    assert course == [with_gate, with_gate, with_gate - gate]


def test_an_action_shows_in_the_very_step_that_makes_it():
    env = build_blending()
    assert env.arrays.seeds.alpha[0, 0] == 1.0
    assert not np.isnan(env.arrays.seeds.contribution[0, 0])
    assert env.arrays.seeds.epochs_in_stage[0, 0] == 1


def find_keeper():
    """One environment whose seed passed the gate to commitment."""
    for seed in range(20):
        env, _ = build_started(seed=seed, lifecycle=ALWAYS, needs=("conditioning",))
        act(env, LifecycleOp.GERMINATE, **NORM)
        for _ in range(2):
            act(env, LifecycleOp.ADVANCE)
        for _ in range(4):
            act(env)
        *_, info = act(env, LifecycleOp.FOSSILIZE)
        if info["action_valid"].all():
            return env
    return None


def test_committed_seeds_count_from_their_commitment_on_and_are_not_measured_again():
    env = find_keeper()
    memory = env.world.lifecycle.memory
    assert env.world.is_committed[0, 0]
    assert env.world.committed_points[0] != 0
    assert memory.epochs_since_counterfactual[0, 0] == 1
    before = env.arrays.seeds.contribution[0, 0]
    act(env)
    assert env.arrays.seeds.contribution[0, 0] == before


def test_nothing_committed_is_worth_nothing():
    env = build_blending()
    assert env.world.committed_points.tolist() == [0.0]
    np.testing.assert_array_equal(env.world.compute_score(), env.world.compute_host_score())

"""One moment: what several features share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import AlphaMode, Blueprint, ConfigError, SeedStage
from tamiyo.observation.arrays import FREE
from tamiyo.observation.moment import LONGEST_RAMP, Moment
from tests.support.observations import SCALE_TASK, build_arrays


def build_moment(arrays, **task_changes):
    return Moment(arrays, replace(SCALE_TASK, **task_changes), total_steps=200)


def test_the_longest_ramp_is_that_of_the_slowest_choice():
    assert LONGEST_RAMP == 8


@pytest.mark.requirement("1.2")
def test_each_stage_has_one_place_and_a_free_slot_that_of_dormant():
    stages = [FREE, *SeedStage]
    arrays = build_arrays(num_envs=1, slots=len(stages))
    arrays.seeds.stage[0] = stages
    one_hot = build_moment(arrays).stage_one_hot[0]
    assert one_hot.sum(axis=1).tolist() == [1] * len(stages)
    assert one_hot.argmax(axis=1).tolist() == [1, *range(len(SeedStage))]


def test_a_slot_without_a_seed_stands_at_noop():
    arrays = build_arrays(num_envs=1)
    arrays.seeds.stage[0] = [FREE, SeedStage.RESETTING, SeedStage.TRAINING]
    blueprints = build_moment(arrays).blueprint_one_hot.argmax(axis=2)
    assert blueprints.tolist() == [[Blueprint.NOOP, Blueprint.NOOP, Blueprint.NORM]]


def test_a_blueprint_that_is_not_registered_is_refused():
    arrays = build_arrays(num_envs=1)
    arrays.seeds.blueprint[0, 1] = 13
    with pytest.raises(ConfigError, match=r"slot 1 in environment 0 must be in \[0, 13\), got 13"):
        _ = build_moment(arrays).blueprint_one_hot


@pytest.mark.parametrize(
    ("mode", "left", "velocity"),
    [(AlphaMode.UP, 4, 0.125), (AlphaMode.DOWN, 4, 0.125), (AlphaMode.HOLD, 0, 0.0)],
)
def test_a_steady_seed_has_nothing_left_to_go(mode, left, velocity):
    arrays = build_arrays()
    arrays.seeds.alpha_mode[:] = mode
    moment = build_moment(arrays)
    assert np.unique(moment.steps_left).tolist() == [left]
    np.testing.assert_allclose(moment.alpha_velocity, velocity)


@pytest.mark.parametrize(
    ("initial", "target", "expected"), [(2.0, 0.5, 1.5), (2.0, 1.0, 1.0), (2.0, 1.8, 1.8)]
)
def test_the_loss_range_is_never_shorter_than_the_target(initial, target, expected):
    moment = build_moment(build_arrays(), initial_loss=initial, target_loss=target)
    assert moment.loss_range == pytest.approx(expected)

"""Playing for the checks: habits, equal pairs, and tries against the masks."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import LifecycleOp, SeedStage
from tests.support.evidence import observe_hosts, observe_learner


@pytest.mark.parametrize("observe", [observe_hosts, observe_learner])
def test_a_play_has_one_more_moment_than_steps(observe):
    play = observe().play
    steps, num_envs, heads = play.actions.shape
    assert (num_envs, heads) == (8, 8)
    assert play.observations.shape == (steps + 1, num_envs, play.layout.size)
    assert len(play.masks) == len(play.hosts) == steps + 1
    assert play.ended[-1].all()
    assert not play.ended[:-1].any()


@pytest.mark.parametrize("observe", [observe_hosts, observe_learner])
def test_the_second_environment_waits_while_the_first_tries_what_is_illegal(observe):
    play = observe().play
    assert play.tried.any()
    assert not play.valid[play.tried, 0].any()
    assert (play.actions[play.tried, 1, 0] == LifecycleOp.WAIT).all()
    np.testing.assert_array_equal(play.actions[~play.tried, 0], play.actions[~play.tried, 1])


def test_habits_are_kept():
    evidence = observe_hosts()
    ops = evidence.play.actions[..., 0]
    assert (ops[:, 4] == LifecycleOp.WAIT).all()
    assert {LifecycleOp.GERMINATE, LifecycleOp.PRUNE} <= set(ops[:, 3])
    kept = [
        slot.stage == SeedStage.FOSSILIZED
        for course in (evidence.courses[2], evidence.courses[5])
        for slot in course.steps[13].after.slots
    ]
    assert any(kept), "the diligent and the eager keep seeds"


def test_hosts_are_those_of_the_record():
    evidence = observe_hosts()
    for place, course in enumerate(evidence.courses):
        assert evidence.play.hosts[5][place] == course.steps[5].before

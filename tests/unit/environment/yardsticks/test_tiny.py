"""The tiny surrogate: two of its needs look alike until a seed is tried."""

from __future__ import annotations

import numpy as np

from tamiyo.contracts import Blueprint, LifecycleOp
from tamiyo.environment.surrogate import SurrogateVectorEnv
from tamiyo.environment.yardsticks.tiny import build_tiny_config

TINY = build_tiny_config()
NEUTRAL = [0, 0, 0, 2, 1, 2, 0, 0]


def watch(op_by_epoch, episodes=12):
    """Observations of every epoch by need, ``[need][epoch]``, and the needs drawn."""
    env = SurrogateVectorEnv(episodes, TINY)
    seen = [env.reset(seed=0)[0]]
    needs = env.world.draws.need.copy()
    for epoch in range(TINY.decision_epochs - 1):
        action = list(NEUTRAL)
        action[0] = op_by_epoch.get(epoch, LifecycleOp.WAIT)
        action[2] = Blueprint.CONV_SMALL if action[0] == LifecycleOp.GERMINATE else 0
        seen.append(env.step(np.tile(action, (episodes, 1)))[0])
    rows = [int(np.flatnonzero(needs == need)[0]) for need in range(len(TINY.needs))]
    return np.stack(seen, axis=1)[rows], needs


def test_every_need_is_drawn_and_the_same_ones_for_the_same_seed():
    seen, needs = watch({})
    assert set(needs) == {0, 1, 2}
    again, _ = watch({})
    assert (seen == again).all()


def test_the_host_alone_shows_the_third_need_but_not_which_of_the_first_two():
    seen, _ = watch({})
    assert (seen[0] == seen[1]).all()
    assert (seen[2, 1:] != seen[0, 1:]).any(axis=1).all()


def test_a_seed_with_influence_tells_the_first_two_apart():
    seen, _ = watch({0: LifecycleOp.GERMINATE, 1: LifecycleOp.ADVANCE})
    assert (seen[0, :2] == seen[1, :2]).all()
    assert (seen[0, 2:] != seen[1, 2:]).any(axis=1).all()


def test_each_need_has_a_blueprint_of_its_own_and_time_for_a_second_try():
    assert len(TINY.needs) == len(TINY.blueprints) == 3
    embargo, age = TINY.lifecycle.embargo_epochs_after_prune, TINY.lifecycle.min_prune_age_epochs
    assert TINY.decision_epochs >= age + 1 + embargo + 4

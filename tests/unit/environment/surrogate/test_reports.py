"""Surrogates as reports: they say what the arrays say, and controllers of real hosts play them."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import LifecycleConfig, ShapeError, find_refusal
from tamiyo.controller import Heuristic, HeuristicConfig, RandomLegal, WaitOnly
from tamiyo.environment.surrogate import (
    SurrogateVectorEnv,
    build_host_report,
    build_signals,
    play_controllers,
)
from tamiyo.observation import compute_action_masks, gather_arrays, is_allowed
from tests.support.surrogates import EASY, build_started, play_random

SETTINGS = (
    {"lifecycle": EASY},
    {"lifecycle": LifecycleConfig(incubate=True, embargo_epochs_after_prune=1)},
    {"lifecycle": LifecycleConfig(ramp=False), "max_parameters": 520},
)
NOT_REPORTED = ("interaction_sum", "boost")
"""Quantities of seeds that are no part of a host's report."""


def gather(env):
    """The arrays that the reports of all environments make."""
    rows = range(env.num_envs)
    hosts = [build_host_report(env, row) for row in rows]
    return gather_arrays(hosts, [build_signals(env, row) for row in rows])


@pytest.mark.parametrize("settings", SETTINGS)
def test_reports_say_what_the_arrays_say(settings):
    env, info = build_started(8, **settings)
    for _ in play_random(env, info, 40):
        told = gather(env)
        for part in ("course", "seeds", "sizes"):
            for name, array in vars(getattr(told, part)).items():
                if name not in NOT_REPORTED:
                    own = getattr(getattr(env.arrays, part), name)
                    np.testing.assert_array_equal(array, own, err_msg=name)


@pytest.mark.parametrize("settings", SETTINGS)
def test_masks_agree_with_what_legality_says_of_the_reports(settings):
    env, info = build_started(8, **settings)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in play_random(env, info, 30):
        masks = compute_action_masks(env.arrays, env.action_spec)
        hosts = [build_host_report(env, row) for row in range(8)]
        for _ in range(20):
            actions = rng.integers(0, env.action_spec.nvec, (8, 8))
            told = is_allowed(env.action_spec, masks, actions)
            for host, action, allowed in zip(hosts, actions, told, strict=True):
                assert (find_refusal(host, tuple(action)) is None) == allowed
                seen.add((int(action[0]), bool(allowed)))
    assert len(seen) >= 10


@pytest.mark.parametrize("settings", SETTINGS)
def test_controllers_of_real_hosts_play_without_a_refusal(settings):
    env = SurrogateVectorEnv(3, **settings)
    players = [Heuristic(HeuristicConfig()), RandomLegal(0), WaitOnly()]
    outcomes = play_controllers(env, players, seed=5)
    assert outcomes.score.shape == outcomes.host_score.shape == (3,)
    assert outcomes.score[2] == outcomes.host_score[2]
    assert outcomes.committed.shape == (3, 3)
    assert not outcomes.committed[2].any()


def test_an_outcome_depends_on_seed_and_controller_alone():
    env = SurrogateVectorEnv(2)
    one = play_controllers(env, [RandomLegal(0), RandomLegal(1)], seed=5)
    two = play_controllers(env, [RandomLegal(0), RandomLegal(1)], seed=5)
    np.testing.assert_array_equal(one.score, two.score)


def test_there_must_be_one_controller_for_each_environment():
    with pytest.raises(ShapeError, match="controllers must be 2"):
        play_controllers(SurrogateVectorEnv(2), [WaitOnly()], seed=0)

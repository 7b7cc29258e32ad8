"""Real hosts as a vector environment: spaces, ends, seeds, groups, masks, refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import Blueprint, ConfigError, LifecycleOp, ShapeError, UnknownNameError
from tamiyo.engine import EngineKind
from tamiyo.environment import Baseline, HostVectorEnv
from tamiyo.recipes import RunConfig, grow_task
from tamiyo.rewards import RewardConfig, RewardPreset
from tests.support.host_envs import DECISIONS, QUICK, assert_same, build_env, play_random, wait


@pytest.fixture(scope="module")
def played():
    """One episode of random legal actions and the first step of the next."""
    env, start = build_env(reward=RewardConfig.preset(RewardPreset.SHAPED))
    return env, list(play_random(env, start, DECISIONS + 1))


@pytest.mark.requirement("3.1")
def test_everything_fits_its_space_and_nothing_legal_is_refused(played):
    env, outcomes = played
    for observations, rewards, terminated, truncated, info in outcomes:
        assert env.observation_space.contains(observations)
        assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, bool, bool)
        assert info["action_mask"].shape == (3, sum(env.action_spec.nvec))
        assert info["action_mask_by_op"].dtype == bool
        assert info["action_valid"].all()
        assert not truncated.any()


def test_an_episode_ends_after_its_decisions_and_another_begins(played):
    env, outcomes = played
    ends = [terminated.tolist() for _, _, terminated, _, _ in outcomes]
    assert ends == [[False] * 3] * (DECISIONS - 1) + [[True] * 3, [False] * 3]
    final = outcomes[DECISIONS - 1][-1]
    assert final["_final_obs"].all()
    assert not np.array_equal(final["final_obs"], outcomes[DECISIONS - 1][0])
    assert env.episode_length == DECISIONS


@pytest.mark.requirement("7.1")
def test_parts_sum_to_the_reward_and_the_return_is_the_gain_and_what_is_paid_beside(played):
    _, outcomes = played
    for _, rewards, _, _, info in outcomes:
        np.testing.assert_allclose(info["reward_parts"].sum(1), rewards, atol=1e-6)
    end = outcomes[DECISIONS - 1][-1]["final_info"]
    parts = sum(info["reward_parts"] for *_, info in outcomes[:DECISIONS])
    gains = end["score"] - end["host_score"]
    np.testing.assert_allclose(parts[:, -2:].sum(1), gains, atol=1e-9)
    np.testing.assert_allclose(parts[:, :2], 0, atol=1e-9)  # the potentials cancel
    assert np.abs(parts[:, 2:-2].sum(1)).max() < 1


@pytest.mark.requirement("4.2")
def test_an_illegal_action_becomes_wait_and_says_so():
    env, _ = build_env(1)
    fossilize = wait(env)
    fossilize[0, 0] = LifecycleOp.FOSSILIZE
    *one, info = env.step(fossilize)
    assert not info["action_valid"].any()
    waiting, _ = build_env(1)
    *other, _ = waiting.step(wait(waiting))
    assert_same(one, other)


def test_an_environment_does_not_depend_on_its_neighbors():
    crowd, start = build_env(3, seed=[4, 9, 6])
    alone, own = build_env(1, seed=9)
    assert_same([start[0][1]], [own[0][0]])
    actions = wait(crowd)
    actions[:, 0], actions[:, 2] = LifecycleOp.GERMINATE, Blueprint.NORM
    for _ in range(DECISIONS):
        ours, theirs = crowd.step(actions), alone.step(actions[:1])
        np.testing.assert_array_equal(ours[0][1], theirs[0][0])
        assert ours[1][1] == theirs[1][0]
        actions = wait(crowd)


def test_the_first_episode_of_a_seed_is_the_run_of_that_seed(tmp_path):
    engine = replace(QUICK.engine, engine=EngineKind.SEQUENTIAL)
    env, _ = build_env(1, seed=5, engine=engine)
    for _ in range(DECISIONS):
        *_, info = env.step(wait(env))
    config = RunConfig(
        task="spirals", controller="wait-only", seed=5, epochs=QUICK.epochs, engine=engine
    )
    grow_task(config, tmp_path / "run", twin=False)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert info["final_info"]["score"][0] == result["control_accuracy"]


@pytest.mark.requirement("7.2")
def test_waiting_gains_nothing_over_the_twin():
    env, _ = build_env(2)
    totals = sum(env.step(wait(env))[1] for _ in range(DECISIONS))
    assert totals.tolist() == [0.0, 0.0]
    assert env.metrics()["episode/gain_points"] == 0.0


def test_a_group_shares_its_host_and_is_its_own_baseline():
    env, (observations, _) = build_env(4, group_size=2, baseline=Baseline.GROUP)
    np.testing.assert_array_equal(observations[0], observations[1])
    assert not np.array_equal(observations[0], observations[2])
    actions = wait(env)
    actions[0, :3] = LifecycleOp.GERMINATE, 0, Blueprint.MLP
    total = env.step(actions)[1]
    for _ in range(DECISIONS - 1):
        _, rewards, _, _, info = env.step(wait(env))
        total += rewards
    score = info["final_info"]["score"]
    assert total[:2] == pytest.approx([score[0] - score[1], score[1] - score[0]])
    assert total[2:].tolist() == [0.0, 0.0]


def test_without_a_baseline_the_score_itself_is_paid_and_no_twin_is_trained():
    env, _ = build_env(1, baseline=Baseline.NONE)
    rewards = [env.step(wait(env)) for _ in range(DECISIONS)]
    end = rewards[-1][-1]["final_info"]
    assert sum(outcome[1][0] for outcome in rewards) == end["score"][0]
    assert np.isnan(end["host_score"]).all()


def test_without_autoreset_some_environments_can_begin_anew():
    env, _ = build_env(2, autoreset_mode=AutoresetMode.DISABLED)
    first = env.step(wait(env))
    observations, _ = env.reset(seed=[0, 7], options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(observations[0], first[0][0])
    for _ in range(DECISIONS - 1):
        *_, terminated, _, info = env.step(wait(env))
    assert terminated.tolist() == [True, False]
    assert np.isnan(info["score"]).tolist() == [False, True]
    with pytest.raises(ConfigError, match=r"step must follow a reset .* is over, got \[0\]"):
        env.step(wait(env))


def test_a_seedless_reset_goes_on_with_other_hosts():
    env, (first, _) = build_env(1)
    second, _ = env.reset()
    third, _ = env.reset(seed=0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, third)


def test_what_does_not_fit_is_refused():
    env, _ = build_env(1)
    with pytest.raises(ShapeError, match=r"actions must be \[1, 8\], got \[2, 8\]"):
        env.step(np.zeros((2, 8)))
    with pytest.raises(ShapeError, match="one for each of 1 environments, got 2 and 1"):
        env.reset(seed=[1, 2])
    with pytest.raises(ConfigError, match="num_envs must be a multiple of group_size 2, got 3"):
        HostVectorEnv(3, QUICK, group_size=2)
    with pytest.raises(ConfigError, match="workers must be at least 1, got 0"):
        HostVectorEnv(1, QUICK, workers=0)
    with pytest.raises(ConfigError, match="must be SAME_STEP or DISABLED, got NEXT_STEP"):
        HostVectorEnv(1, QUICK, autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(UnknownNameError, match=r"setting of HostEnvConfig .* got 'width'"):
        HostVectorEnv(1, QUICK, width=3)


def test_a_state_brings_another_environment_to_the_same_point():
    env, start = build_env(2)
    outcomes = list(play_random(env, start, 2))
    other = HostVectorEnv(2, QUICK)
    other.load_state_dict(env.state_dict())
    np.testing.assert_array_equal(other.action_masks(), outcomes[-1][-1]["action_mask"])
    for _ in range(DECISIONS):
        assert_same(env.step(wait(env)), other.step(wait(other)))
    with pytest.raises(ShapeError, match="state must be of 3 hosts, got"):
        HostVectorEnv(3, QUICK).load_state_dict(env.state_dict())


def test_counts_begin_anew_when_asked():
    env, _ = build_env(1)
    for _ in range(DECISIONS):
        env.step(wait(env))
    assert "episode/score_points" in env.metrics()
    env.reset_counts()
    assert env.metrics() == {}
    assert env.saturated() == {}

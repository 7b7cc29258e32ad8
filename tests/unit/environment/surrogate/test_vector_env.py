"""The surrogate as a vector environment: spaces, seeds, ends, rewards, resuming, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import (
    Blueprint,
    ConfigError,
    LifecycleConfig,
    LifecycleOp,
    ShapeError,
    UnknownNameError,
)
from tamiyo.environment.surrogate import SurrogateVectorEnv
from tests.support.surrogates import EASY, act, build_started, play_random

LENGTH = SurrogateVectorEnv().config.decision_epochs
DISABLED = AutoresetMode.DISABLED


def assert_same(one, two):
    """Compare what steps returned, byte by byte."""
    for a, b in zip(one, two, strict=True):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            assert_same([a[name] for name in a], [b[name] for name in a])
        else:
            np.testing.assert_array_equal(a, b, strict=True)


def take_row(outcome, row):
    """What one environment got of a step."""
    return [
        {name: take_row([value], row)[0] for name, value in part.items()}
        if isinstance(part, dict)
        else part[row]
        for part in outcome
    ]


@pytest.mark.parametrize("settings", [{}, {"telemetry": True}, {"slots": 1}, {"slots": 5}])
def test_observations_masks_and_actions_fit_their_spaces(settings):
    env, start = build_started(4, **settings)
    for actions, outcome in play_random(env, start, 60):
        observations, rewards, terminated, truncated, info = outcome
        assert env.action_space.contains(actions)
        assert env.observation_space.contains(observations)
        assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, bool, bool)
        assert info["action_mask"].shape == (4, sum(env.action_spec.nvec))
        assert info["action_mask_by_op"].shape == (4, env.action_spec.mask_size)
    assert env.observation_spec.size == env.single_observation_space.shape[0]


def test_an_episode_terminates_after_its_decisions_and_is_never_truncated():
    env, _ = build_started(2)
    for step in range(1, 2 * LENGTH + 1):
        _, _, terminated, truncated, info = act(env)
        assert terminated.tolist() == [step % LENGTH == 0] * 2
        assert not truncated.any()
        assert ("final_obs" in info) == terminated.any()


def test_the_final_observation_is_the_one_that_no_autoreset_would_show():
    env, _ = build_started(2)
    plain, _ = build_started(2, autoreset_mode=DISABLED)
    for _ in range(LENGTH):
        observations, *_, info = act(env)
        last, *_, end = act(plain)
    np.testing.assert_array_equal(info["final_obs"], last)
    for name, value in end.items():
        np.testing.assert_array_equal(info["final_info"][name], value)
    np.testing.assert_array_equal(observations, plain.reset()[0])
    assert not np.array_equal(observations, last)


def test_an_environment_does_not_depend_on_its_neighbors():
    crowd, told = build_started(3, seed=[4, 9, 6])
    alone = SurrogateVectorEnv(1)
    alone.reset(seed=9)
    for actions, outcome in play_random(crowd, told, 2 * LENGTH + 3):
        assert_same(take_row(alone.step(actions[1:2]), 0), take_row(outcome, 1))


def test_one_seed_stands_for_a_row_of_them_and_decides_everything():
    one, _ = SurrogateVectorEnv(2).reset(seed=7)
    same, _ = SurrogateVectorEnv(2).reset(seed=[7, 8])
    other, _ = SurrogateVectorEnv(2).reset(seed=8)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(one[1], other[0])
    assert not np.array_equal(one[0], other[0])


def test_a_reset_without_a_seed_goes_on_with_another_episode():
    env, _ = build_started(1)
    first, _ = env.reset(seed=3)
    second, _ = env.reset()
    assert not np.array_equal(first, second)
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(first, again)


def test_a_reset_mask_leaves_the_other_environments_alone():
    env, _ = build_started(2)
    observations, *_ = act(env, LifecycleOp.GERMINATE, blueprint=Blueprint.NORM)
    after, _ = env.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(after[1], observations[1])
    assert env.world.epoch.tolist() == [0, 1]


@pytest.mark.parametrize(
    "action", [{"op": LifecycleOp.FOSSILIZE}, {"op": LifecycleOp.GERMINATE, "blueprint": 0}]
)
def test_an_illegal_action_is_flagged_and_otherwise_is_wait(action):
    env, _ = build_started(2)
    twin, _ = build_started(2)
    outcome, waited = act(env, **action), act(twin)
    assert not outcome[-1].pop("action_valid").any()
    assert waited[-1].pop("action_valid").all()
    assert_same(outcome, waited)


@pytest.mark.parametrize("index", [-1, 99])
@pytest.mark.parametrize("head", range(8))
def test_an_index_outside_its_head_is_illegal_where_the_head_is_used(head, index):
    env, _ = build_started(1)
    actions = np.array([[LifecycleOp.GERMINATE, 0, Blueprint.NORM, 0, 0, 0, 0, 0]])
    actions[0, head] = index
    *_, info = env.step(actions)
    assert info["action_valid"].tolist() == [head in {6, 7}]


@pytest.mark.parametrize("reward", ["sparse", "shaped"])
def test_rewards_sum_to_the_score_less_the_hosts_own(reward):
    env, start = build_started(16, reward=reward, lifecycle=EASY)
    total = np.zeros(16)
    for _, (_, rewards, terminated, _, info) in play_random(env, start, 3 * LENGTH):
        total += rewards
        if terminated.any():
            end = info["final_info"]
            assert (end["committed"] > 0).any()
            np.testing.assert_allclose(total, end["score"] - end["host_score"], atol=1e-9)
            total[:] = 0


def test_sparse_rewards_come_at_the_end_only_and_shaped_ones_when_a_seed_is_committed():
    for reward in ("sparse", "shaped"):
        env, info = build_started(16, reward=reward, lifecycle=EASY)
        before = np.array([rewards for _, (_, rewards, *_) in play_random(env, info, LENGTH - 1)])
        assert before.any() == (reward == "shaped")


def test_waiting_gains_nothing():
    env, _ = build_started(8)
    for _ in range(LENGTH):
        _, rewards, *_, info = act(env)
        assert not rewards.any()
    np.testing.assert_array_equal(info["final_info"]["score"], info["final_info"]["host_score"])


@pytest.mark.parametrize("steps", [0, 9, LENGTH, LENGTH + 4])
def test_a_saved_state_goes_on_exactly_where_it_stood(steps):
    env, info = build_started(3, lifecycle=EASY)
    for _, outcome in play_random(env, info, steps):
        info = outcome[-1]
    state = {name: array.copy() for name, array in env.state_dict().items()}
    twin = SurrogateVectorEnv(3, lifecycle=EASY)
    twin.load_state_dict(state)
    for actions, outcome in play_random(env, info, 2 * LENGTH, seed=1):
        assert_same(twin.step(actions), outcome)


def test_a_state_holds_plain_arrays_that_the_environment_no_longer_changes():
    env, _ = build_started(2)
    state = env.state_dict()
    before = {name: array.copy() for name, array in state.items()}
    act(env, LifecycleOp.GERMINATE, blueprint=Blueprint.NORM)
    assert all(array.dtype != object for array in state.values())
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    env, _ = build_started(2)
    state = env.state_dict()
    incomplete = [
        {name: array for name, array in state.items() if name != missing}
        for missing in ("learned", "generators")
    ]
    others = [SurrogateVectorEnv(3).state_dict(), state | {"extra": state["learned"]}, *incomplete]
    for other in others:
        with pytest.raises(ShapeError, match="same configuration"):
            env.load_state_dict(other)
    assert_same(list(env.state_dict().values()), list(state.values()))


def test_a_step_beyond_the_end_is_refused():
    env, _ = build_started(2, autoreset_mode=DISABLED)
    for _ in range(LENGTH):
        act(env)
    with pytest.raises(ConfigError, match="must follow a reset"):
        act(env)
    with pytest.raises(ConfigError, match="must follow a reset"):
        act(SurrogateVectorEnv(2))


def test_what_does_not_fit_is_refused():
    env, _ = build_started(2)
    with pytest.raises(ShapeError, match=r"actions must be \[2, 8\], got \[1, 8\]"):
        env.step(np.zeros((1, 8), int))
    with pytest.raises(ShapeError, match="one for each of 2"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(UnknownNameError, match="setting of SurrogateConfig"):
        SurrogateVectorEnv(2, colour="red")
    with pytest.raises(ConfigError, match="autoreset_mode"):
        SurrogateVectorEnv(2, autoreset_mode=AutoresetMode.NEXT_STEP)


def test_a_budget_is_never_exceeded():
    env, info = build_started(8, max_parameters=600)
    most = 0
    for _ in play_random(env, info, 100):
        most = max(most, env.arrays.sizes.parameters.max())
    assert 400 < most <= 600


def count_refusals(steps, **settings):
    env, info = build_started(64, **settings)
    played = play_random(env, info, steps // 64 + 1)
    refusals = sum(np.count_nonzero(~outcome[-1]["action_valid"]) for _, outcome in played)
    return refusals, env.encoder.saturated()


@pytest.mark.parametrize("incubate", [False, True])
def test_random_legal_steps_are_never_refused_and_hardly_ever_saturate(incubate):
    lifecycle = LifecycleConfig(incubate=incubate)
    refusals, saturated = count_refusals(12_000, lifecycle=lifecycle, telemetry=True)
    assert refusals == 0
    assert max(saturated.values(), default=0.0) < 0.01, saturated


@pytest.mark.slow
def test_a_million_random_legal_steps_are_never_refused():
    refusals, _ = count_refusals(1_000_000, lifecycle=EASY)
    assert refusals == 0

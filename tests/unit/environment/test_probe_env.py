from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from tamiyo.contracts import ShapeError, UnknownNameError
from tamiyo.environment.probe_env import ProbeEnv, ProbeVectorEnv
from tamiyo.environment.probes import PROBES
from tamiyo.observation import sample_uniform

NAMES = list(PROBES)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_probe_passes_the_checks_of_gymnasium_and_of_stable_baselines(name):
    env = gymnasium.make(f"tamiyo.environment:tamiyo/Probe{name}-v0").unwrapped
    check_env(env)
    check_env_of_sb3(env)


@pytest.mark.parametrize("name", NAMES)
def test_the_vector_environment_equals_single_ones_side_by_side(name):
    native = ProbeVectorEnv(3, probe=name)
    single = SyncVectorEnv(
        [lambda: ProbeEnv(probe=name)] * 3, autoreset_mode=AutoresetMode.SAME_STEP
    )
    assert native.observation_space == single.observation_space
    assert native.action_space == single.action_space
    (ours, info), (theirs, _) = native.reset(seed=5), single.reset(seed=5)
    rng = np.random.default_rng(1)
    for _ in range(12):
        assert np.array_equal(ours, theirs)
        actions = sample_uniform(native.action_spec, info["action_mask_by_op"], rng)
        ours, *outcome, info = native.step(actions)
        theirs, *their_outcome, their_info = single.step(actions)
        for got, wanted in zip(outcome, their_outcome, strict=True):
            assert np.array_equal(got, wanted)
        assert np.array_equal(info["action_mask"], their_info["action_mask"])


def play(env, steps, rng, info):
    rows = []
    for _ in range(steps):
        actions = sample_uniform(env.action_spec, info["action_mask_by_op"], rng)
        observations, rewards, *_, info = env.step(actions)
        rows.append(np.column_stack([observations, rewards]))
    return np.array(rows)


def test_bytes_of_a_row_do_not_depend_on_the_number_of_environments():
    few, many = (ProbeVectorEnv(count, probe="ObservedValue") for count in (2, 7))
    rows = [play(env, 9, np.random.default_rng(0), env.reset(seed=3)[1]) for env in (few, many)]
    assert np.array_equal(rows[0], rows[1][:, :2])


def test_a_saved_environment_goes_on_in_the_middle_of_its_episodes():
    env, other = (ProbeVectorEnv(4, probe="RememberBit5") for _ in range(2))
    _, info = env.reset(seed=1)
    play(env, 8, np.random.default_rng(0), info)
    other.load_state_dict(env.state_dict())
    masks = {"action_mask_by_op": np.ones((4, 2), np.bool_)}
    rows = [play(one, 30, np.random.default_rng(2), masks) for one in (env, other)]
    assert np.array_equal(*rows)


def test_a_state_of_another_number_of_environments_is_refused():
    env = ProbeVectorEnv(4, probe="ActionOnly")
    env.reset(seed=0)
    with pytest.raises(ShapeError, match="must be of 3 environments, got 4"):
        ProbeVectorEnv(3, probe="ActionOnly").load_state_dict(env.state_dict())


def test_ended_episodes_show_their_last_observation_and_begin_anew():
    env = ProbeVectorEnv(2, probe="RememberBit5")
    first, _ = env.reset(seed=0)
    for _ in range(5):
        env.step(np.zeros((2, 1), np.int64))
    observations, rewards, terminated, truncated, info = env.step(np.ones((2, 1), np.int64))
    assert terminated.all()
    assert not truncated.any()
    assert np.array_equal(rewards, first[:, 0])
    assert info["final_obs"].tolist() == [[0, 1]] * 2
    assert np.abs(observations[:, 0]).tolist() == [1, 1]


def test_an_illegal_action_is_flagged():
    env = ProbeVectorEnv(1, probe="RememberBit5")
    env.reset(seed=0)
    assert env.step(np.array([[1]]))[4]["action_valid"].tolist() == [False]
    assert env.step(np.array([[0]]))[4]["action_valid"].tolist() == [True]


@pytest.mark.parametrize("kind", [ProbeEnv, ProbeVectorEnv])
def test_an_unknown_probe_is_refused(kind):
    with pytest.raises(UnknownNameError, match="got 'Levitate'"):
        kind(probe="Levitate")


def test_without_a_seed_generators_go_on():
    env = ProbeVectorEnv(16, probe="ObservedValue")
    rounds = [env.reset()[0] for _ in range(3)]
    assert not np.array_equal(rounds[0], rounds[1]) or not np.array_equal(rounds[0], rounds[2])

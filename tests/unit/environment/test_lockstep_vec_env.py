from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.environment import ProbeVectorEnv
from tamiyo.environment.lockstep_vec_env import LockstepVecEnv
from tamiyo.environment.surrogate import SurrogateVectorEnv

WAIT = np.zeros((4, 8), np.int64)


def make_truncated_cartpoles():
    return gymnasium.make_vec(
        "CartPole-v1",
        num_envs=2,
        vectorization_mode="sync",
        max_episode_steps=3,
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
    )


def test_steps_are_those_of_the_environments_it_adapts():
    env, ours = LockstepVecEnv(SurrogateVectorEnv(4)), SurrogateVectorEnv(4)
    env.seed(5)
    np.testing.assert_array_equal(env.reset(), ours.reset(seed=5)[0])
    for _ in range(60):
        observations, rewards, ended, infos = env.step(WAIT)
        expected = ours.step(WAIT)
        np.testing.assert_array_equal(observations, expected[0])
        np.testing.assert_array_equal(rewards, expected[1].astype(np.float32))
        np.testing.assert_array_equal(ended, expected[2])
        np.testing.assert_array_equal(env.env_method("action_masks"), expected[4]["action_mask"])
        for row in np.flatnonzero(ended):
            final = infos[row]["terminal_observation"]
            np.testing.assert_array_equal(final, expected[4]["final_obs"][row])


def test_a_seed_serves_for_one_reset():
    env = LockstepVecEnv(ProbeVectorEnv(64, probe="RememberBit5"))
    env.seed(5)
    first, second = env.reset(), env.reset()
    env.seed(5)
    np.testing.assert_array_equal(env.reset(), first)
    assert (first != second).any()


def test_an_episode_that_its_task_ends_is_terminated():
    env = LockstepVecEnv(ProbeVectorEnv(2, probe="ValueOnly"))
    env.reset()
    _, _, ended, infos = env.step(np.zeros((2, 1), np.int64))
    assert ended.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False]
    assert all("terminal_observation" in info for info in infos)


def test_an_episode_that_a_time_limit_ends_is_truncated():
    env = LockstepVecEnv(make_truncated_cartpoles())
    env.seed(0)
    env.reset()
    flags = []
    for _ in range(3):
        observations, _, ended, infos = env.step(np.zeros(2, np.int64))
        flags.append([info["TimeLimit.truncated"] for info in infos])
    assert flags == [[False] * 2, [False] * 2, [True] * 2]
    assert ended.all()
    assert (infos[0]["terminal_observation"] != observations[0]).any()
    env.close()


def test_what_is_handed_out_does_not_change_with_later_steps():
    env = LockstepVecEnv(SurrogateVectorEnv(4))
    env.seed(0)
    observations = env.reset()
    masks = np.stack(env.env_method("action_masks"))
    kept = observations.copy(), masks.copy()
    env.step(WAIT)
    np.testing.assert_array_equal(observations, kept[0])
    np.testing.assert_array_equal(masks, kept[1])


def test_masks_can_be_asked_for_some_environments_and_before_the_first_reset():
    env = LockstepVecEnv(SurrogateVectorEnv(4))
    assert env.has_attr("action_masks")
    assert not env.has_attr("action_mask")
    assert np.stack(env.env_method("action_masks", indices=[1, 3])).all()


def test_environments_without_masks_allow_everything():
    env = LockstepVecEnv(make_truncated_cartpoles())
    env.reset()
    np.testing.assert_array_equal(env.env_method("action_masks"), [[True, True]] * 2)
    env.close()


def test_attributes_are_shared_and_not_to_be_set():
    inner = SurrogateVectorEnv(4)
    env = LockstepVecEnv(inner)
    assert env.get_attr("config", [0, 2]) == [inner.config] * 2
    assert env.env_is_wrapped(gymnasium.Wrapper, [0]) == [False]
    with pytest.raises(ConfigError, match="config must be set where the environments are made"):
        env.set_attr("config", None)


def test_other_methods_are_refused():
    env = LockstepVecEnv(SurrogateVectorEnv(4))
    with pytest.raises(UnknownNameError, match="must be one of action_masks, got 'render'"):
        env.env_method("render")


def test_another_autoreset_mode_is_refused():
    env = SurrogateVectorEnv(2, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ConfigError, match="autoreset_mode must be SAME_STEP"):
        LockstepVecEnv(env)

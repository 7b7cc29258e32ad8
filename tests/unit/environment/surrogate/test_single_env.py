"""One surrogate: what Gymnasium and stable-baselines3 ask of an environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env

from tamiyo.environment.surrogate import SurrogateEnv, SurrogateVectorEnv
from tamiyo.observation import sample_uniform


def test_gymnasium_accepts_it():
    check_env(gymnasium.make("tamiyo.environment:tamiyo/Surrogate-v0").unwrapped)


def test_stable_baselines_accepts_it():
    stable_baselines3.common.env_checker.check_env(SurrogateEnv())


def test_it_is_a_vector_of_one():
    env, vector = SurrogateEnv(slots=2), SurrogateVectorEnv(1, slots=2)
    observation, info = env.reset(seed=3)
    observations, _ = vector.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(3 * env.vector.config.decision_epochs):
        np.testing.assert_array_equal(observation, observations[0])
        actions = sample_uniform(env.action_spec, info["action_mask_by_op"][None], rng)
        observation, reward, terminated, truncated, info = env.step(actions[0])
        observations, rewards, _, _, _ = vector.step(actions)
        assert reward == rewards[0]
        assert not truncated
        if terminated:
            assert info["score"] - info["host_score"] == reward
            observation, info = env.reset()


def test_its_masks_are_those_of_the_info():
    env = SurrogateEnv()
    _, info = env.reset(seed=0)
    np.testing.assert_array_equal(env.action_masks(), info["action_mask"])
    *_, info = env.step(env.action_space.sample(env_mask(env)))
    np.testing.assert_array_equal(env.action_masks(), info["action_mask"])
    assert info["action_valid"] in {True, False}


def env_mask(env):
    """The marginal mask as Gymnasium's spaces want it."""
    parts = np.split(env.action_masks(), np.cumsum(env.action_spec.nvec)[:-1])
    return tuple(part.astype(np.int8) for part in parts)

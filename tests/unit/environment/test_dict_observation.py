"""Observations with their masks: one environment, and many."""

from __future__ import annotations

import numpy as np

from tamiyo.environment import (
    DictObservation,
    SurrogateEnv,
    SurrogateVectorEnv,
    VectorDictObservation,
)


def test_one_environment_shows_both():
    env = DictObservation(SurrogateEnv())
    shown, info = env.reset(seed=1)
    assert env.observation_space.contains(shown)
    plain, _ = SurrogateEnv().reset(seed=1)
    np.testing.assert_array_equal(shown["observation"], plain)
    shown, *_, info = env.step(np.zeros(8, np.int64))
    np.testing.assert_array_equal(shown["action_mask"], info["action_mask"])


def test_many_show_both_and_their_ends_stay_plain():
    env = VectorDictObservation(SurrogateVectorEnv(3))
    shown, _ = env.reset(seed=1)
    assert env.observation_space.contains(shown)
    for _ in range(env.unwrapped.episode_length):
        shown, *_, info = env.step(np.zeros((3, 8), np.int64))
    assert env.observation_space.contains(shown)
    np.testing.assert_array_equal(shown["action_mask"], info["action_mask"])
    assert info["final_obs"].shape == shown["observation"].shape

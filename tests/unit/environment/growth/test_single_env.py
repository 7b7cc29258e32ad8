"""GrowthEnv: a vector of one without its first axis."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode

from tamiyo.environment import SurrogateConfig, SurrogateVectorEnv
from tamiyo.environment.growth import GrowthEnv


def test_it_is_the_vector_of_one_without_its_first_axis():
    config = SurrogateConfig()
    env = GrowthEnv(SurrogateVectorEnv(1, config, autoreset_mode=AutoresetMode.DISABLED))
    vector = SurrogateVectorEnv(1, config, autoreset_mode=AutoresetMode.DISABLED)
    (observation, info), (observations, infos) = env.reset(seed=5), vector.reset(seed=5)
    np.testing.assert_array_equal(observation, observations[0])
    np.testing.assert_array_equal(info["action_mask"], infos["action_mask"][0])
    np.testing.assert_array_equal(env.action_masks(), vector.action_masks()[0])
    action = np.zeros(len(env.action_spec.heads), int)
    observation, reward, terminated, truncated, info = env.step(action)
    observations, rewards, _, _, infos = vector.step(action[None])
    np.testing.assert_array_equal(observation, observations[0])
    assert (reward, terminated, truncated) == (float(rewards[0]), False, False)
    assert info["action_valid"] is True
    env.close()

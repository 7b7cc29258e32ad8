"""One real host as Gymnasium and stable-baselines3 want it."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.environment import HostEnv, HostVectorEnv
from tests.support.host_envs import DECISIONS, QUICK


def test_gymnasium_finds_nothing_wrong_with_it():
    check_env(HostEnv(QUICK), skip_render_check=True)


def test_it_is_what_a_vector_of_one_is():
    env, vector = HostEnv(QUICK), HostVectorEnv(1, QUICK)
    observation, _ = env.reset(seed=3)
    observations, _ = vector.reset(seed=3)
    np.testing.assert_array_equal(observation, observations[0])
    actions = np.zeros((1, len(env.action_spec.heads)), np.int64)
    for _ in range(DECISIONS):
        observation, reward, terminated, truncated, info = env.step(actions[0])
        _, rewards, *_, told = vector.step(actions)
        assert (reward, truncated) == (rewards[0], False)
    assert terminated
    assert info["score"] == told["final_info"]["score"][0]
    assert info["committed"].tolist() == [0, 0]
    np.testing.assert_array_equal(env.action_masks(), told["final_info"]["action_mask"][0])
    with pytest.raises(ConfigError, match="step must follow a reset"):
        env.step(actions[0])
    env.close()


def test_a_setting_it_does_not_have_is_refused():
    with pytest.raises(UnknownNameError, match="got 'depth'"):
        HostEnv(QUICK, depth=3)

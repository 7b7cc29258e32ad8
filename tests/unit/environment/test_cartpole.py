from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from tamiyo.environment.cartpole import make_cartpole, make_cartpole_vector


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_it_passes_the_checks_of_gymnasium_and_of_stable_baselines():
    env = gymnasium.make("tamiyo.environment:tamiyo/CartPoleNoVelocity-v0")
    check_env(env, skip_render_check=True)
    check_env_of_sb3(env)


def test_it_is_gymnasiums_cartpole_less_the_velocities():
    ours, theirs = make_cartpole(), gymnasium.make("CartPole-v1")
    seen, (whole, _) = [ours.reset(seed=4)[0]], theirs.reset(seed=4)
    assert np.array_equal(seen[0], whole[[0, 2]])
    for action in (0, 1, 1):
        (seen, reward, *_), (whole, *_) = ours.step(action), theirs.step(action)
        assert seen.tolist() == whole[[0, 2]].tolist()
        assert reward == 1


def test_many_in_lockstep_show_as_much_and_are_truncated():
    env = make_cartpole_vector(3, max_episode_steps=4)
    assert env.reset(seed=0)[0].shape == (3, 2)
    for action in (0, 1, 0, 1):
        observations, _, terminated, truncated, _ = env.step(np.full(3, action))
        assert observations in env.observation_space
    assert truncated.all()
    assert not terminated.any()

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines
from stable_baselines3.common.vec_env import VecMonitor

from tamiyo.environment.hosts import HostVectorEnv
from tamiyo.environment.stable_baselines import as_stable_baselines
from tamiyo.environment.surrogate import SurrogateVectorEnv

IDS = [name for name in gymnasium.registry if name.startswith("tamiyo/")]


# CartPole's code is Gymnasium's own, seen through a wrapper.
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
@pytest.mark.parametrize("name", IDS)
def test_gymnasium_accepts_every_environment(name):
    env = gymnasium.make(name, disable_env_checker=True)
    check_env(env if "CartPole" in name else env.unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_accepts_every_environment(name):
    check_for_stable_baselines(gymnasium.make(name, disable_env_checker=True))


@pytest.mark.parametrize(
    ("algorithm", "policy", "network"),
    [
        (MaskablePPO, "MlpPolicy", {}),
        (RecurrentPPO, "MlpLstmPolicy", {"lstm_hidden_size": 32}),
    ],
)
def test_its_algorithms_train_on_the_surrogate(algorithm, policy, network):
    env = as_stable_baselines(SurrogateVectorEnv(8))
    model = algorithm(
        policy, env, n_steps=25, batch_size=100, n_epochs=2, policy_kwargs=network, seed=0
    )
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(400)
    assert model.num_timesteps == 400
    pairs = zip(before, model.policy.parameters(), strict=True)
    assert any((old != new).any() for old, new in pairs)


@pytest.mark.slow
def test_maskable_ppo_trains_on_real_hosts():
    env = as_stable_baselines(HostVectorEnv(10, task="digits-mlp"))
    model = MaskablePPO("MlpPolicy", env, n_steps=50, batch_size=100, n_epochs=2, seed=0)
    model.learn(500)
    assert model.num_timesteps == 500
    masks = model.rollout_buffer.action_masks.reshape(500, -1).astype(bool)
    assert 0 < (~masks).mean() < 1


def test_maskable_ppo_meets_masks_that_forbid_something():
    env = as_stable_baselines(SurrogateVectorEnv(8))
    model = MaskablePPO("MlpPolicy", env, n_steps=25, batch_size=100, n_epochs=1, seed=0)
    model.learn(200)
    masks = model.rollout_buffer.action_masks.reshape(200, -1).astype(bool)
    assert 0 < (~masks).mean() < 1
    actions = model.rollout_buffer.actions.reshape(200, -1).astype(int)
    starts = np.cumsum([0, *env.action_space.nvec[:-1]])
    assert masks[np.arange(200)[:, None], starts + actions].all()


def test_its_evaluation_plays_whole_episodes():
    env = VecMonitor(as_stable_baselines(SurrogateVectorEnv(8)))
    model = MaskablePPO("MlpPolicy", env, n_steps=25, batch_size=100, n_epochs=1, seed=0)
    returns, lengths = evaluate_policy(model, env, n_eval_episodes=8, return_episode_rewards=True)
    assert lengths == [25] * 8
    assert np.isfinite(returns).all()

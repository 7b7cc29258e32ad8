"""One scripted episode on a real host, followed from command to advantage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tamiyo.contracts import Blueprint, Head, LifecycleOp
from tamiyo.environment import Baseline, HostVectorEnv
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig
from tamiyo.learning.gae import compute_gae
from tamiyo.policy import NetworkConfig
from tamiyo.rewards import RewardConfig, RewardPreset
from tests.support.host_envs import QUICK

GAMMA, LAMBDA = 0.9, 0.8
SCRIPT = [
    {Head.OP: LifecycleOp.GERMINATE, Head.BLUEPRINT: Blueprint.MLP_SMALL},
    {Head.OP: LifecycleOp.WAIT},
    {Head.OP: LifecycleOp.ADVANCE},
    {Head.OP: LifecycleOp.PRUNE},
]


class Recorder(HostVectorEnv):
    """Keeps what every step returned."""

    def step(self, actions):
        outcome = super().step(actions)
        self.seen.append((actions.copy(), *outcome[:4]))
        return outcome


def collect_scripted():
    """Let a trainer collect one rollout in which the first environment follows the script."""
    config = replace(
        QUICK,
        reward=RewardConfig.preset(RewardPreset.SHAPED),
        baseline=Baseline.TWIN,
        gamma=GAMMA,
    )
    env = Recorder(2, config)
    env.seen = []
    ppo = PPOConfig(gamma=GAMMA, gae_lambda=LAMBDA, normalization=Normalization.NONE)
    network = NetworkConfig(hidden=8, slot_hidden=4)
    trainer = Trainer(
        env, TrainerConfig(total_steps=8, network=network, ppo=ppo, normalize_observations=False),
        seed=0,
    )  # fmt: skip  # one block
    act, heads = trainer.network.act, [head.name for head in env.action_spec.heads]

    def follow(*arguments, **options):
        result = act(*arguments, **options)
        scripted = SCRIPT[len(env.seen)]
        row = torch.tensor([int(scripted.get(name, 0)) for name in heads])
        return result._replace(actions=torch.stack([row, torch.zeros_like(row)]))

    trainer.network.act = follow
    trainer.collect()
    return env, trainer.buffer.rollout


@pytest.mark.requirement("5.1", "8.1")
def test_every_row_of_the_buffer_is_what_the_environment_was_told_and_said():
    env, rollout = collect_scripted()
    assert len(env.seen) == len(SCRIPT) == len(rollout.rewards)
    for step, (actions, _, rewards, terminated, truncated) in enumerate(env.seen):
        np.testing.assert_array_equal(rollout.actions[step], actions)
        np.testing.assert_allclose(rollout.rewards_raw[step], rewards, rtol=1e-6)
        np.testing.assert_array_equal(rollout.terminated[step], terminated)
        np.testing.assert_array_equal(rollout.truncated[step], truncated)
    assert rollout.terminated[-1].all()
    assert not rollout.terminated[:-1].any()
    assert env.seen[0][2][0] < env.seen[0][2][1]  # planting costs what waiting does not


@pytest.mark.requirement("5.2", "8.1")
def test_its_advantages_are_those_worked_out_by_hand():
    _, rollout = collect_scripted()
    values = torch.cat([rollout.values, rollout.cut_values[None]])
    advantages, returns = compute_gae(
        rollout.rewards,
        values,
        terminated=rollout.terminated,
        truncated=rollout.truncated,
        bootstrap_values=rollout.bootstrap_values,
        valid=rollout.valid,
        gamma=GAMMA,
        gae_lambda=LAMBDA,
    )
    expected = torch.zeros(2)
    for step in reversed(range(len(SCRIPT))):
        after = rollout.values[step + 1] if step + 1 < len(SCRIPT) else torch.zeros(2)
        surprise = rollout.rewards[step] + GAMMA * after - rollout.values[step]
        expected = surprise + GAMMA * LAMBDA * expected
        torch.testing.assert_close(advantages[step], expected)
    torch.testing.assert_close(returns, advantages + rollout.values)

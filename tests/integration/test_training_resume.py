"""A training that is stopped and taken up again, in the middle of episodes and of its alarms."""

from __future__ import annotations

import gymnasium
import pytest
import torch

from tamiyo.environment import ProbeVectorEnv
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig
from tamiyo.learning.checkpoint import Checkpoint
from tamiyo.policy import NetworkConfig
from tamiyo.telemetry import MemorySink

# Rollouts of 13 steps cut episodes of 6 at another place each time.
CONFIG = TrainerConfig(total_steps=10_000, rollout_steps=13, network=NetworkConfig(hidden=8))
RESCALED = TrainerConfig(
    total_steps=10_000,
    rollout_steps=13,
    network=NetworkConfig(hidden=8, layers=2),
    ppo=PPOConfig(gamma=0.9, normalization=Normalization.REWARDS),
)


def build_probe(config, sink=None):
    return Trainer(ProbeVectorEnv(4, probe="RememberBit5"), config, seed=0, sink=sink)


def build_cartpole():
    env = gymnasium.make_vec("tamiyo.environment:tamiyo/CartPoleNoVelocity-v0", num_envs=4)
    return Trainer(env, CONFIG, seed=0)


def save(trainer, path):
    path.write_bytes(trainer.encode_checkpoint())
    return path


@pytest.mark.parametrize("config", [CONFIG, RESCALED], ids=["values", "rewards"])
def test_ten_updates_are_five_and_five(tmp_path, config):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_probe(config, whole)
    trainer.train(updates=10)
    first = build_probe(config, parts)
    first.train(updates=5)
    path = save(first, tmp_path / "checkpoint")
    second = build_probe(config, parts)
    second.load_checkpoint(path)
    second.train(updates=5)
    assert second.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.encode() == whole.encode()
    assert not trainer.buffer.rollout.episode_starts[0].any()


def test_a_checkpoint_loaded_and_saved_again_is_the_same(tmp_path):
    first = build_probe(CONFIG)
    first.train(updates=2)
    path = save(first, tmp_path / "checkpoint")
    second = build_probe(CONFIG)
    second.load_checkpoint(path)
    assert second.encode_checkpoint() == path.read_bytes()


def test_episodes_that_cannot_be_saved_begin_anew_with_other_draws(tmp_path):
    first = build_cartpole()
    seen = first.collect().observations[0]
    first.update()
    path = save(first, tmp_path / "checkpoint")
    second, third = build_cartpole(), build_cartpole()
    for trainer in (second, third):
        trainer.load_checkpoint(path)
        assert (trainer.updates, trainer.steps) == (first.updates, first.steps)
    resumed = second.collect().observations[0]
    assert second.buffer.rollout.episode_starts[0].all()
    assert not torch.isclose(resumed, seen).any()
    assert torch.equal(resumed, third.collect().observations[0])


def test_a_checkpoint_holds_all_that_training_depends_on(tmp_path):
    trainer = build_probe(CONFIG)
    trainer.update()
    checkpoint = Checkpoint.load(save(trainer, tmp_path / "checkpoint"))
    assert set(checkpoint.groups) == {
        "network",
        "optimizer",
        "observation_normalizer",
        "reward_normalizer",
        "value_normalizer",
        "collector",
        "environment",
        "trainer",
    }
    parameters = len(list(trainer.network.parameters()))
    assert len(checkpoint.groups["optimizer"]) == 3 * parameters  # Adam's step and two moments
    assert checkpoint.facts["config"]["rollout_steps"] == 13

"""Problems of growing difficulty with known answers: the rung that breaks names the fault."""

from __future__ import annotations

import gymnasium
import pytest

from tamiyo.environment import PROBES, ProbeVectorEnv
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig, play_episodes
from tamiyo.policy import NetworkConfig

SOLVED = 0.03  # points below the optimum
VALUES = ("ValueOnly", "ObservedValue", "Discounting")
CHOICES = ("ActionOnly", "ObservedAction", "ForbiddenBest", "ConditionalHead")


def build_trainer(probe, *, updates, envs=16, network=None, **settings):
    env = ProbeVectorEnv(envs, probe=probe)
    steps = max(16, env.episode_length)
    config = TrainerConfig(
        total_steps=updates * steps * envs,
        rollout_steps=steps,
        normalize_observations=False,
        network=network or NetworkConfig(hidden=16),
        ppo=PPOConfig(**settings),
    )
    return Trainer(env, config, seed=0)


def play(trainer, probe):
    env = ProbeVectorEnv(64, probe=probe)
    return play_episodes(trainer.policy, env, episodes=256, seed=1000).mean()


def is_solved_in_time(trainer, probe):
    """Train until the deterministic policy is as good as any can be, or all steps are made."""
    while play(trainer, probe) < PROBES[probe].optimal_return - SOLVED:
        if trainer.is_finished:
            return False
        trainer.train(updates=5)
    return True


@pytest.mark.parametrize("normalization", [Normalization.NONE, Normalization.VALUES])
@pytest.mark.parametrize("probe", VALUES)
def test_values_are_learned(probe, normalization):
    trainer = build_trainer(probe, updates=20, gamma=0.9, normalization=normalization)
    before = trainer.update().value.absolute_error
    trainer.train(updates=18)
    assert trainer.update().value.absolute_error < 0.1 < before


@pytest.mark.parametrize("probe", CHOICES)
def test_choices_are_learned(probe):
    assert is_solved_in_time(build_trainer(probe, updates=10), probe)


def build_rememberer(delay, *, updates=100, recurrent=True):
    network = NetworkConfig(hidden=32, recurrent=recurrent, longest_span=2 * delay)
    settings = {"learning_rate": 2e-3, "inner_epochs": 8, "network": network}
    return build_trainer(f"RememberBit{delay}", updates=updates, envs=32, **settings)


@pytest.mark.parametrize("delay", [5, 20, pytest.param(100, marks=pytest.mark.slow)])
def test_a_bit_is_remembered(delay):
    assert is_solved_in_time(build_rememberer(delay), f"RememberBit{delay}")


def test_a_bit_is_not_remembered_without_a_memory():
    trainer = build_rememberer(5, updates=30, recurrent=False)
    trainer.train()
    assert abs(play(trainer, "RememberBit5") - PROBES["RememberBit5"].random_return) < 0.3


@pytest.mark.slow
def test_cartpole_is_balanced_without_seeing_velocities():
    name = "tamiyo/CartPoleNoVelocity-v0"
    config = TrainerConfig(
        total_steps=50_000,
        ppo=PPOConfig(
            gamma=0.99,
            learning_rate=2e-3,
            inner_epochs=10,
            entropy_coefficient=0.0,
            entropy_coefficient_end=0.0,
        ),
    )
    trainer = Trainer(gymnasium.make_vec(name, num_envs=16), config, seed=0)
    trainer.train()
    assert trainer.steps < 50_000 + 16 * 128
    judged = play_episodes(
        trainer.policy, gymnasium.make_vec(name, num_envs=32), episodes=32, seed=1000
    )
    assert judged.mean() >= 450

"""Problems of growing difficulty with known answers: the rung that breaks names the fault."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.environment import PROBES, ProbeVectorEnv
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig
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
        ppo=PPOConfig(**{"entropy_coefficient": 0.01, "entropy_coefficient_end": 0.0, **settings}),
    )
    return Trainer(env, config, seed=0)


def play(trainer, probe):
    env = ProbeVectorEnv(64, probe=probe)
    return trainer.play(env, episodes=256, seed=1000).mean()


@pytest.mark.parametrize("normalization", [Normalization.NONE, Normalization.VALUES])
@pytest.mark.parametrize("probe", VALUES)
def test_values_are_learned(probe, normalization):
    trainer = build_trainer(probe, updates=40, gamma=0.9, normalization=normalization)
    before = trainer.update().value.absolute_error
    for _ in range(39):
        report = trainer.update()
    assert report.value.absolute_error < 0.1 < before


@pytest.mark.parametrize("probe", CHOICES)
def test_choices_are_learned(probe):
    trainer = build_trainer(probe, updates=30)
    trainer.train()
    assert play(trainer, probe) >= PROBES[probe].optimal_return - SOLVED


@pytest.mark.parametrize(
    ("length", "updates"),
    [(5, 60), (20, 60), pytest.param(100, 400, marks=pytest.mark.slow)],
)
def test_a_bit_is_remembered(length, updates):
    probe = f"RememberBit{length}"
    network = NetworkConfig(hidden=32, longest_span=max(3, 2 * length))
    trainer = build_trainer(probe, updates=updates, network=network)
    while not trainer.is_finished and play(trainer, probe) < PROBES[probe].optimal_return - SOLVED:
        trainer.train(updates=10)
    assert play(trainer, probe) >= PROBES[probe].optimal_return - SOLVED


def test_a_bit_is_not_remembered_without_a_memory():
    probe = "RememberBit5"
    network = NetworkConfig(hidden=32, recurrent=False)
    trainer = build_trainer(probe, updates=60, network=network)
    trainer.train()
    assert abs(play(trainer, probe) - PROBES[probe].random_return) < 0.3


@pytest.mark.slow
def test_cartpole_is_balanced_without_seeing_velocities():
    name = "tamiyo/CartPoleNoVelocity-v0"
    env = gymnasium.make_vec(name, num_envs=16)
    config = TrainerConfig(
        total_steps=50_000,
        rollout_steps=128,
        network=NetworkConfig(hidden=64),
        ppo=PPOConfig(
            gamma=0.99,
            learning_rate=2e-3,
            inner_epochs=10,
            entropy_coefficient=0.0,
            entropy_coefficient_end=0.0,
        ),
    )
    trainer = Trainer(env, config, seed=0)
    trainer.train()
    assert env.metadata["autoreset_mode"] is not AutoresetMode.DISABLED
    judged = trainer.play(gymnasium.make_vec(name, num_envs=32), episodes=32, seed=1000)
    assert judged.mean() >= 450

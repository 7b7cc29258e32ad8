"""The whole learner on a problem whose best answer is known exactly."""

from __future__ import annotations

import pytest

from tamiyo.environment import SurrogateVectorEnv, build_tiny_config, solve
from tamiyo.learning import Trainer, TrainerConfig
from tamiyo.recipes import evaluate_policy

EPISODES = 300


@pytest.mark.slow
def test_the_tiny_surrogate_is_learned_to_95_percent_of_its_exact_optimum():
    family = build_tiny_config()
    trainer = Trainer(SurrogateVectorEnv(64, family), TrainerConfig(total_steps=60_000), seed=0)
    trainer.train()
    played = evaluate_policy(
        trainer.policy, family, episodes=EPISODES, seed=10_000_000, deterministic=True
    )
    env = SurrogateVectorEnv(EPISODES, family)
    env.reset(seed=10_000_000)
    gain = (played.scores - env.world.compute_host_score()).mean()
    # What the best controller would have earned on the needs that were drawn.
    optimum = solve(family).gain_by_need[env.world.draws.need].mean()
    assert 0.95 * optimum <= gain <= optimum + 1e-9

"""Playing a policy: to learn from, with episodes that run on, or whole, to judge it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tamiyo.contracts import ArtifactError
from tamiyo.environment import PROBES, ProbeVectorEnv
from tamiyo.learning import Trainer, TrainerConfig, play_episodes
from tamiyo.policy import NetworkConfig

CONFIG = TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8))
PROBE = "RememberBit5"


def build(envs=4):
    return Trainer(ProbeVectorEnv(envs, probe=PROBE), CONFIG, seed=0)


def test_rows_are_what_the_probe_shows_with_the_state_before_each_step():
    trainer = build()
    collected = trainer.collect()
    rollout = trainer.buffer.rollout
    assert torch.equal(rollout.observations, collected.observations)
    assert rollout.episode_starts[:, 0].tolist() == [step % 6 == 0 for step in range(8)]
    assert rollout.terminated[:, 0].tolist() == [step % 6 == 5 for step in range(8)]
    assert not rollout.states[0].any()
    assert not rollout.states[6].any()
    assert rollout.states[1].any()


def test_episodes_run_on_from_one_rollout_to_the_next():
    trainer = build()
    trainer.collect()
    trainer.collect()
    rollout = trainer.buffer.rollout
    # The second rollout begins with the third step of the second episode.
    assert rollout.episode_starts[:, 0].tolist() == [step % 6 == 4 for step in range(8)]
    assert rollout.states[0].any()


def test_ended_episodes_are_summed_over_rollouts():
    trainer = build()
    first, second = trainer.collect(), trainer.collect()
    assert (first.lengths, second.lengths) == ((6,) * 4, (6,) * 4)
    rewards = trainer.buffer.rollout.rewards_raw
    assert sum(second.returns) == pytest.approx(float(rewards[:4].sum()))


def test_a_row_that_goes_on_has_a_value_at_the_cut_and_one_that_ended_has_none():
    trainer = build()
    trainer.collect()
    assert (trainer.buffer.rollout.cut_values != 0).all()
    ending = Trainer(
        ProbeVectorEnv(4, probe=PROBE),
        TrainerConfig(total_steps=64, rollout_steps=6, network=NetworkConfig(hidden=8)),
        seed=0,
    )
    ending.collect()
    assert not ending.buffer.rollout.cut_values.any()


def test_episodes_are_paired_by_seed_whatever_the_number_of_environments():
    policy = build().policy
    alone, together = (
        play_episodes(policy, ProbeVectorEnv(envs, probe=PROBE), episodes=12, seed=5)
        for envs in (1, 4)
    )
    assert np.array_equal(alone, together)
    assert set(together) <= {-1.0, 0.0, 1.0}
    assert PROBES[PROBE].episode_length == 6


def test_a_policy_for_something_else_is_not_played():
    env = ProbeVectorEnv(2, probe="ForbiddenBest")
    with pytest.raises(ArtifactError, match="environment must have the policy's layout"):
        play_episodes(build().policy, env, episodes=2, seed=0)

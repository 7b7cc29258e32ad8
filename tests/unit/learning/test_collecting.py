"""Playing a policy: to learn from, with episodes that run on, or whole, to judge it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tamiyo.contracts import ArtifactError
from tamiyo.environment import PROBES, ProbeVectorEnv, SurrogateVectorEnv
from tamiyo.learning import Trainer, TrainerConfig, fit_policy, play_episodes
from tamiyo.policy import NetworkConfig

CONFIG = TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8))
PROBE = "RememberBit5"


def build(envs=4):
    return Trainer(ProbeVectorEnv(envs, probe=PROBE), CONFIG, seed=0)


@pytest.mark.requirement("5.1", "5.4")
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


@pytest.mark.requirement("7.8")
def test_ended_episodes_are_summed_over_rollouts():
    trainer = build()
    first, second = trainer.collect(), trainer.collect()
    assert (first.lengths, second.lengths) == ((6,) * 4, (6,) * 4)
    rewards = trainer.buffer.rollout.rewards_raw
    assert sum(second.returns) == pytest.approx(float(rewards[:4].sum()))


def test_a_rollout_told_to_stop_keeps_what_it_saw_for_the_next_call():
    whole, trainer = build().collect(), build()
    asked = iter([False] * 7 + [True] + [False] * 8)
    assert trainer.collect(lambda: next(asked)) is None
    assert trainer.buffer.is_partial
    collected = trainer.collect(lambda: next(asked))
    assert torch.equal(collected.observations, whole.observations)
    assert (collected.returns, collected.lengths) == (whole.returns, whole.lengths)


@pytest.mark.requirement("0.1", "5.3")
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


def test_a_policy_for_three_slots_acts_on_five():
    policy = Trainer(SurrogateVectorEnv(2, max_epochs=12), CONFIG, seed=0).policy
    five = SurrogateVectorEnv(2, slots=5, max_epochs=12)
    with pytest.raises(ArtifactError, match=r"slot of 3, .* slot of 5, .*: fit_policy"):
        play_episodes(policy, five, episodes=2, seed=0)
    fitted = fit_policy(policy, five)
    assert fitted.specs.actions == five.action_spec
    assert play_episodes(fitted, five, episodes=2, seed=0).shape == (2,)
    back = fit_policy(fitted, SurrogateVectorEnv(1))
    assert back.specs == policy.specs
    weights = zip(back.network.parameters(), policy.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


def test_a_fitted_policy_sees_the_slots_at_the_scale_it_was_trained_at():
    policy = Trainer(SurrogateVectorEnv(2), CONFIG, seed=0).policy
    policy.normalizer.mean += torch.arange(62.0)  # 23 + 39 fields
    five = SurrogateVectorEnv(1, slots=5)
    normalizer = fit_policy(policy, five).normalizer
    shown = normalizer.normalize(torch.zeros(1, five.observation_spec.size))[0].clamp(-9, 0)
    expected = -torch.arange(62.0).clamp(0, 9)
    assert torch.equal(shown[:23], expected[:23])
    for slot in range(5):
        assert torch.equal(shown[23 + 39 * slot : 62 + 39 * slot], expected[23:])


def test_a_policy_is_not_fitted_to_more_than_another_number_of_slots():
    policy = Trainer(SurrogateVectorEnv(2), CONFIG, seed=0).policy
    with pytest.raises(ArtifactError, match=r"must have the policy's layout .*\[\w+\]$"):
        fit_policy(policy, SurrogateVectorEnv(1, slots=5, telemetry=True))
    with pytest.raises(ArtifactError, match="must have the policy's layout"):
        fit_policy(build().policy, SurrogateVectorEnv(1))


def test_a_policy_for_something_else_is_not_played():
    env = ProbeVectorEnv(2, probe="ForbiddenBest")
    with pytest.raises(ArtifactError, match="environment must have the policy's layout"):
        play_episodes(build().policy, env, episodes=2, seed=0)

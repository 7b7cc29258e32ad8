"""A rehearsal: two rounds, and a witness that saw what passed."""

from __future__ import annotations

import numpy as np
import torch

from tamiyo.checks.evidence import rehearse
from tamiyo.environment import SurrogateVectorEnv
from tests.support.evidence import LEARNER, SURROGATE, observe_learner


def test_rounds_go_on_from_one_to_the_next():
    first, second = observe_learner().rehearsal.rounds
    np.testing.assert_array_equal(first.observations[-1], second.observations[0])
    assert (first.report.update, second.report.update) == (1, 2)
    assert second.rollout.terminated.any(), "episodes end within the second"
    assert not second.rollout.terminated[-1].any(), "and it cuts others"


def test_every_reward_can_be_told_from_the_others():
    rewards = np.concatenate([one.rewards for one in observe_learner().rehearsal.rounds])
    assert len(np.unique(rewards.round(6))) == rewards.size


def test_it_begins_with_the_policy_it_is_given():
    start = observe_learner().rehearsal.after
    env = SurrogateVectorEnv(6, SURROGATE)
    again = rehearse(env, LEARNER, steps=7, seed=1, start=start)
    before = again.rounds[0].policy.network.state_dict()
    assert all(
        torch.equal(before[name], value) for name, value in start.network.state_dict().items()
    )

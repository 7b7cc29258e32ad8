"""Rollouts of a network in a world of random observations, masks, rewards and ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tamiyo.contracts import ObservationSpec, SlotBlock, build_action_spec
from tamiyo.learning.buffer import TamiyoRolloutBuffer
from tamiyo.policy import ActorCritic, NetworkConfig
from tests.support.enumeration import random_masks

__all__ = ["GROWTH", "OBSERVATION", "build_network", "collect_rollout", "edit"]

GROWTH = build_action_spec(["r0c0", "r0c1"])
OBSERVATION = ObservationSpec(
    size=11, slots=2, slot_blocks=(SlotBlock(offset=3, size=4),), slot_head="slot"
)


def build_network(seed=0, *, recurrent=True, observation=OBSERVATION, actions=GROWTH):
    """Build a small network."""
    config = NetworkConfig(hidden=16, slot_hidden=8, recurrent=recurrent)
    generator = torch.Generator().manual_seed(seed)
    return ActorCritic(observation, actions, config, generator=generator)


def collect_rollout(
    network,
    *,
    steps=8,
    num_envs=6,
    seed=0,
    actions=GROWTH,
    observation=OBSERVATION,
    end_probability=0.2,
    fillers=False,
    pay=None,
    forbidden_ops=(),
    check_invariants=False,
):
    """Collect a finished rollout.

    Args:
        network: Acts.
        steps: Steps of every environment.
        num_envs: Environments.
        seed: Of everything that is random.
        actions: Heads of an action.
        observation: Layout of an observation.
        end_probability: Chance of each of the two ends at every step.
        fillers: Put a filler row after every end, as next-step autoreset does.
        pay: From actions ``[N, H]`` to rewards ``[N]``; random by default.
        forbidden_ops: Ops that are never legal; all else is, if there are any.
        check_invariants: Passed to the buffer.
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    state = network.initial_state(num_envs)
    buffer = TamiyoRolloutBuffer(
        steps=steps,
        num_envs=num_envs,
        observation=observation,
        actions=actions,
        state_shape=(state.shape[1], state.shape[3]),
        check_invariants=check_invariants,
    )
    starts = torch.ones(num_envs, dtype=torch.bool)
    idle = torch.zeros(num_envs, dtype=torch.bool)

    def draw(*size):
        return torch.randn(*size, generator=generator)

    for _ in range(steps):
        masks = random_masks(actions, rng, num_envs, density=1.0 if forbidden_ops else 0.5)
        masks[:, list(forbidden_ops)] = False
        row = {"observations": draw(num_envs, observation.size), "masks": torch.tensor(masks)}
        taken = network.act(
            row["observations"], row["masks"], state, deterministic=False, generator=generator
        )
        ends = torch.tensor(rng.random((2, num_envs)) < end_probability) & ~idle
        final_values = network.value(draw(num_envs, observation.size), taken.state)
        rewards = draw(num_envs) if pay is None else pay(taken.actions)
        row |= {
            "actions": taken.actions,
            "log_probs": taken.log_probs,
            "values": taken.values,
            "rewards": rewards,
            "rewards_raw": rewards,
            "terminated": ends[0],
            "truncated": ends[1],
            "bootstrap_values": final_values.where(ends[1], 0.0),
            "episode_starts": starts,
            "states": state,
            "valid": ~idle,
        }
        buffer.add(**row)
        ended = ends.any(0)
        starts, idle = (idle, ended) if fillers else (ended, idle)
        state = taken.state.masked_fill(starts[:, None], 0.0)
    buffer.finish(network.value(draw(num_envs, observation.size), state))
    return buffer


def edit(rollout, name, change):
    """Return a rollout with one field changed by a function of a copy of it."""
    return replace(rollout, **{name: change(getattr(rollout, name).clone())})

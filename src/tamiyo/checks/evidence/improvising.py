"""Improvisation: rollouts of a network in a world without a world, where every op is legal.

What an update does to the heads of each op can be seen on any observations, and an episode may
never come to where all ops are legal.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from math import inf
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.learning import PPO, Normalization, PPOConfig, Rollout, TamiyoRolloutBuffer

if TYPE_CHECKING:
    from collections.abc import Collection

    from tamiyo.learning import Specs, UpdateParts
    from tamiyo.policy import ActorCritic

__all__ = ["Improvisation"]

_STEPS = 8
_ENVS = 24


class Improvisation:
    """A rollout of random observations, in which all but the forbidden ops are legal.

    Args:
        network: Acts; it is not changed.
        specs: What it is made for.
        seed: Of everything random.
        forbidden: Ops that are never legal, by index.

    Attributes:
        network: As given.
        rollout: What was collected.
    """

    def __init__(
        self,
        network: ActorCritic,
        specs: Specs,
        *,
        seed: int,
        forbidden: Collection[int] = (),
    ) -> None:
        self.network = network
        self._specs = specs
        self._generator = generator = torch.Generator().manual_seed(seed)
        masks = _build_open_masks(specs, forbidden).expand(_ENVS, -1)
        buffer = self._build_buffer(_STEPS, _ENVS)
        state = network.initial_state(_ENVS)
        no, zeros = torch.zeros(_ENVS, dtype=torch.bool), torch.zeros(_ENVS)
        for step in range(_STEPS):
            seen = torch.randn(_ENVS, specs.observation.size, generator=generator)
            acted = network.act(seen, masks, state, deterministic=False, generator=generator)
            rewards = torch.randn(_ENVS, generator=generator)
            buffer.add(
                observations=seen,
                masks=masks,
                actions=acted.actions,
                log_probs=acted.log_probs,
                values=acted.values,
                rewards=rewards,
                rewards_raw=rewards,
                terminated=no,
                truncated=no,
                bootstrap_values=zeros,
                episode_starts=no if step else ~no,
                states=state,
                valid=~no,
            )
            state = acted.state
        buffer.finish(zeros)
        self._buffer = buffer
        self.rollout = buffer.rollout

    @property
    def ops(self) -> Tensor:
        """Op of every step, ``[T, N]``."""
        return self.rollout.actions[..., 0]

    def learn(self, config: PPOConfig) -> None:
        """Let the network learn from the rollout once; it is changed."""
        PPO(self.network, self._specs.actions, config).update(
            self._buffer,
            learning_rate=config.learning_rate,
            entropy_coefficient=config.entropy_coefficient,
            generator=self._generator,
        )

    def update(self, rows: Tensor, *, network: ActorCritic | None = None) -> UpdateParts | None:
        """Take one update from some steps alone, by reward alone, without moving the network.

        Args:
            rows: Which steps, ``[T, N]``, bool.
            network: Learns instead of the one that acted.

        Returns:
            What it measured; ``None`` if there are no such steps.
        """
        columns = rows.any(0)
        if not columns.any():
            return None
        buffer = self._build_buffer(_STEPS, int(columns.sum()))
        values = {
            part.name: getattr(self.rollout, part.name)
            for part in fields(Rollout)
            if part.name != "cut_values"
        }
        for step in range(_STEPS):
            row = {name: value[step] for name, value in values.items() if name != "states"}
            row |= {"valid": rows[step]}
            row = {name: value[columns] for name, value in row.items()}
            buffer.add(**row, states=values["states"][step][:, :, columns])
        buffer.finish(self.rollout.cut_values[columns])
        config = PPOConfig(
            inner_epochs=1,
            minibatches=1,
            value_coefficient=0.0,
            target_kl=inf,
            max_gradient_norm=inf,
            normalization=Normalization.NONE,
        )
        learner = deepcopy(network or self.network)
        return PPO(learner, self._specs.actions, config).update(
            buffer, learning_rate=0.0, entropy_coefficient=0.0, generator=self._generator
        )

    def measure(self, network: ActorCritic) -> Tensor:
        """Return the log-probability of each head's choice under a network, ``[T, N, H]``."""
        rollout = self.rollout
        with torch.no_grad():
            return network.evaluate(
                rollout.observations,
                network.trace(rollout.masks, rollout.actions),
                rollout.episode_starts,
                rollout.states[0],
            ).log_probs

    def _build_buffer(self, steps: int, num_envs: int) -> TamiyoRolloutBuffer:
        state = self.network.initial_state(num_envs)
        return TamiyoRolloutBuffer(
            steps=steps,
            num_envs=num_envs,
            observation=self._specs.observation,
            actions=self._specs.actions,
            state_shape=(state.shape[1], state.shape[3]),
        )


def _build_open_masks(specs: Specs, forbidden: Collection[int]) -> Tensor:
    """Allow every choice of used heads and the neutral one of others, ``[1, M]``."""
    actions = specs.actions
    parts = []
    for head, shape in zip(actions.heads, actions.mask_shapes, strict=True):
        legal = torch.ones(shape, dtype=torch.bool)
        if actions.names[0] in head.parents:
            idle = [op for op, used in enumerate(actions.used_when) if head.name not in used]
            legal[idle] = torch.arange(head.size) == head.neutral
        parts.append(legal)
    parts[0][list(forbidden)] = False
    return torch.cat([legal.flatten() for legal in parts])[None]

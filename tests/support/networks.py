"""Small networks and random rollouts for the tests of the learned policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from tamiyo.contracts import Head, ObservationSpec, SlotBlock, build_action_spec
from tamiyo.policy import ActorCritic, NetworkConfig
from tests.support.enumeration import random_masks

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.contracts import ActionSpec

SMALL = NetworkConfig(hidden=16, slot_hidden=8)
BASE_FEATURES = 4
SLOT_FEATURES = 3


def draw_normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw a tensor of standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def growth_spec(slots: int = 3) -> ActionSpec:
    """Build the eight heads of growth."""
    return build_action_spec(tuple(f"r0c{slot}" for slot in range(slots)))


def slot_observation(slots: int = 3) -> ObservationSpec:
    """Build a layout of a few features of the host, then of each slot."""
    return ObservationSpec(
        size=BASE_FEATURES + slots * SLOT_FEATURES,
        slots=slots,
        slot_blocks=(SlotBlock(offset=BASE_FEATURES, size=SLOT_FEATURES),),
        slot_head=Head.SLOT,
    )


def growth_network(slots: int = 3, config: NetworkConfig = SMALL, seed: int = 0) -> ActorCritic:
    """Build a network for growth whose policy is far from uniform."""
    generator = torch.Generator().manual_seed(seed)
    network = ActorCritic(slot_observation(slots), growth_spec(slots), config, generator=generator)
    return roughen(network, generator)


def flat_network(
    spec: ActionSpec, features: int = 5, config: NetworkConfig = SMALL, seed: int = 0
) -> ActorCritic:
    """Build a network without slots whose policy is far from uniform."""
    generator = torch.Generator().manual_seed(seed)
    network = ActorCritic(ObservationSpec(size=features), spec, config, generator=generator)
    return roughen(network, generator)


def roughen(network: ActorCritic, generator: torch.Generator) -> ActorCritic:
    """Add noise to every parameter, as if the network had been trained."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def draw_masks(spec: ActionSpec, *shape: int, seed: int = 0, density: float = 0.5) -> Tensor:
    """Draw valid flat conditional masks of shape ``[*shape, mask_size]``."""
    rng = np.random.default_rng(seed)
    flat = random_masks(spec, rng, int(np.prod(shape)), density=density)
    return torch.from_numpy(flat).reshape(*shape, -1)


class Rollout(NamedTuple):
    """What acting step by step produced; time first."""

    observations: Tensor
    masks: Tensor
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    episode_starts: Tensor
    state: Tensor
    next_state: Tensor


def play(
    network: ActorCritic,
    masks: Tensor,
    episode_starts: Tensor,
    state: Tensor,
    *,
    seed: int = 0,
    deterministic: bool = False,
) -> Rollout:
    """Act step by step on random observations, as a rollout does."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*episode_starts.shape, network.encoder.size)
    observations = draw_normal(*shape, seed=seed, dtype=state.dtype)
    current, steps = state, []
    for t, starts in enumerate(episode_starts):
        current = current.masked_fill(starts.unsqueeze(-1), 0.0)
        *step, current, _ = network.act(
            observations[t], masks[t], current, deterministic=deterministic, generator=generator
        )
        steps.append(step)
    actions, log_probs, values = (torch.stack(parts) for parts in zip(*steps, strict=True))
    return Rollout(observations, masks, actions, log_probs, values, episode_starts, state, current)

"""Losses and metrics of many networks at once, each network's as if it were alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from tamiyo.engine.counterfactual import SplitResult
from tamiyo.tasks import (
    CLASSIFICATION,
    IGNORED_CLASS,
    NEXT_BYTE,
    Units,
    compute_cross_entropies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tamiyo.contracts import MetricScale
    from tamiyo.engine.batched.network import StackedNetwork
    from tamiyo.model import Overrides
    from tamiyo.tasks import Batches, Judgement, Objective

__all__ = ["compute_losses", "compute_values", "evaluate_members", "judge_networks"]


def compute_losses(objective: Objective, outputs: Tensor, targets: Tensor, networks: int) -> Tensor:
    """Compute the training loss of each network.

    Args:
        objective: What they are trained for.
        outputs: Their outputs, [R * B, ...].
        targets: Their targets, [R * B, ...].
        networks: How many they are, R.

    Returns:
        Losses, [R].
    """
    batched = _LOSSES.get(objective.loss)
    if batched is not None:
        losses = batched(outputs, targets).view(networks, -1)
        if targets.is_floating_point():  # shares of every class, of which none is left out
            return losses.mean(dim=1)
        return losses.sum(dim=1) / (targets != IGNORED_CLASS).view(networks, -1).sum(dim=1)
    pairs = zip(outputs.chunk(networks), targets.chunk(networks), strict=True)
    return torch.stack([objective.loss(*pair) for pair in pairs])


def compute_values(
    objective: Objective, outputs: Tensor, targets: Tensor, networks: int
) -> Tensor | None:
    """Compute the training metric of each network's samples, [R, B]; ``None`` if there is none."""
    if objective.training_metric is None:
        return None
    return objective.training_metric(outputs.detach(), targets).view(networks, -1)


def judge_networks(
    objective: Objective, outputs: Tensor, targets: Tensor
) -> list[tuple[Units, Units]]:
    """Judge networks on the same samples: metric and loss of every unit.

    Args:
        objective: What they are judged by.
        outputs: Outputs of each network, [R, B, ...].
        targets: The targets, [B, ...].
    """
    if objective not in _JUDGED_TOGETHER:
        return [objective.judge(own, targets) for own in outputs]
    repeated = targets.expand(len(outputs), *targets.shape).flatten(0, 1)
    values, losses = objective.judge(outputs.flatten(0, 1), repeated)
    return list(zip(_cut(values, len(outputs)), _cut(losses, len(outputs)), strict=True))


@torch.no_grad()
def evaluate_members(
    network: StackedNetwork,
    batches: Batches,
    objective: Objective,
    scale: MetricScale,
    variants: Sequence[Sequence[Overrides]],
) -> list[list[SplitResult]]:
    """Evaluate variants of every environment's network on a whole split.

    Args:
        network: The networks; left in evaluation mode.
        batches: The split.
        objective: What outputs are judged by.
        scale: How the metric becomes points.
        variants: For each environment its variants, each slot id to the weights to use instead of
            the slot's own.

    Returns:
        For each environment one result per variant.
    """
    network.train(is_training=False)
    chunks = [
        judge_networks(objective, network.run_variants(inputs, variants), targets)
        for inputs, targets in batches
    ]
    results = iter(
        SplitResult(
            values=Units.join([values for values, _ in parts]),
            losses=Units.join([losses for _, losses in parts]),
            scale=scale,
        )
        for parts in zip(*chunks, strict=True)
    )
    return [[next(results) for _ in own] for own in variants]


def _cut(units: Units, networks: int) -> list[Units]:
    pairs = zip(units.values.chunk(networks), units.weights.chunk(networks), strict=True)
    return [Units(values=values, weights=weights) for values, weights in pairs]


def _next_byte_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")


_LOSSES: Final[Mapping[Judgement, Callable[[Tensor, Tensor], Tensor]]] = {
    CLASSIFICATION.loss: compute_cross_entropies,
    NEXT_BYTE.loss: _next_byte_losses,
}
"""A loss that is a mean over samples to the losses of the samples."""

_JUDGED_TOGETHER: Final = frozenset({CLASSIFICATION, NEXT_BYTE})
"""Objectives that judge every sample by itself."""

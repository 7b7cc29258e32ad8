"""Validate a population: the same variants of every environment, in passes of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tamiyo.engine.batched.judging import judge_networks
from tamiyo.engine.counterfactual import SplitResult
from tamiyo.tasks import Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import MetricScale
    from tamiyo.engine.batched.network import StackedNetwork
    from tamiyo.model import Overrides
    from tamiyo.tasks import Batches, Objective

__all__ = ["evaluate_members"]


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

"""Interleaved noisy spirals in the plane, the classic that a narrow network cannot unwind."""

from __future__ import annotations

import math

import torch

from tamiyo.contracts import derive_seed
from tamiyo.tasks.data import Split, Splits

__all__ = ["SPIRALS_ARMS", "SPIRALS_TRAIN_SIZE", "draw_spirals", "load_spirals_splits"]

SPIRALS_ARMS = 3
"""Spirals, one class each."""

SPIRALS_TRAIN_SIZE = 3600
"""Points to train on."""

_HELD_OUT_SIZE = 1200
_TURNS = 1.75
_NOISE = 0.03


def draw_spirals(count: int, generator: torch.Generator) -> Split:
    """Draw points on three spirals that wind 1.75 times around the origin, and move them a little.

    Points lie evenly over the disk of radius 1; the noise is normal, 0.03 along each axis.

    Args:
        count: Points, at least 1; the classes take turns.
        generator: An owned CPU generator; it advances by ``count`` radii and ``2 * count`` normal
            numbers.

    Returns:
        Points [count, 2] float32 and their spirals [count] int64.
    """
    targets = torch.arange(count) % SPIRALS_ARMS
    radii = torch.rand(count, generator=generator).sqrt()
    angles = 2 * math.pi * (_TURNS * radii + targets / SPIRALS_ARMS)
    points = radii[:, None] * torch.stack([angles.cos(), angles.sin()], dim=1)
    points += _NOISE * torch.randn(count, 2, generator=generator)
    return Split(inputs=points, targets=targets)


def load_spirals_splits() -> Splits:
    """Draw the three splits of the task, the same on every call.

    Returns:
        3600 training, 1200 control and 1200 test points, on the CPU.
    """

    def draw(count: int, purpose: str) -> Split:
        seed = derive_seed(0, 0, f"{purpose} spirals")
        return draw_spirals(count, torch.Generator().manual_seed(seed))

    return Splits(
        train=draw(SPIRALS_TRAIN_SIZE, "train"),
        control=draw(_HELD_OUT_SIZE, "control"),
        test=draw(_HELD_OUT_SIZE, "test"),
    )

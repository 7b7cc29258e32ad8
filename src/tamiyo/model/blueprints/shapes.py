"""What a slot's tensor looks like, found by a probe batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

import torch

from tamiyo.contracts import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SlotShape", "Topology"]


_CNN_AXES: Final = 3
_MIN_NUMBERS: Final = 2
"""Numbers of a sample that a normalizer needs to have a variance."""


class Topology(StrEnum):
    """Kinds of features a seed can work on."""

    CNN = "cnn"


@dataclass(frozen=True)
class SlotShape:
    """Shape of one sample's features in a slot.

    Attributes:
        topology: What the axes mean.
        channels: Channels, the axis a seed's scale runs over.
        extent: The remaining axes, ``(height, width)`` for a CNN.
    """

    topology: Topology
    channels: int
    extent: tuple[int, ...]

    @classmethod
    def of(cls, features: Tensor, *, slot_id: str) -> Self:
        """Read the shape off a probe batch.

        Args:
            features: Output of the slot's module, shape ``[B, C, H, W]``.
            slot_id: For the message.

        Raises:
            ShapeError: If the features are not ``[B, C, H, W]`` of float32 on the CPU, which is
                what seeds are, or a sample of them is fewer than two numbers.
        """
        is_plain = features.dtype == torch.float32 and features.device.type == "cpu"
        batch_axis_and_sample = features.dim() == 1 + _CNN_AXES and is_plain
        if not batch_axis_and_sample or math.prod(features.shape[1:]) < _MIN_NUMBERS:
            message = (
                f"features of slot {slot_id} must be float32 of shape [B, C, H, W] on the CPU "
                f"with at least {_MIN_NUMBERS} numbers per sample, got {features.dtype} of shape "
                f"{list(features.shape)} on {features.device}"
            )
            raise ShapeError(message)
        _, channels, *extent = features.shape
        return cls(topology=Topology.CNN, channels=channels, extent=tuple(extent))

    @property
    def per_sample(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        return (self.channels, *self.extent)

    @property
    def channel_shape(self) -> tuple[int, ...]:
        """Shape that broadcasts one number per channel over the features."""
        return (self.channels, *(1 for _ in self.extent))

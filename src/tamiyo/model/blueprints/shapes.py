"""What a slot's tensor looks like, found by a probe batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import torch

from tamiyo.contracts import ShapeError
from tamiyo.model.modules import Topology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["FEWEST_NUMBERS", "SUPPORTED_AXES", "SlotShape", "Topology", "count_normalized"]


_TOPOLOGIES: Final = MappingProxyType({4: Topology.CNN, 3: Topology.SEQUENCE, 2: Topology.VECTOR})
"""Axes of a batch of features to what they mean."""

SUPPORTED_AXES: Final = frozenset(_TOPOLOGIES)
"""Numbers of axes that a batch of features may have."""

FEWEST_NUMBERS: Final = 2
"""Numbers that a normalizer runs over at least, or it has no variance."""


@dataclass(frozen=True)
class SlotShape:
    """Shape of one sample's features in a slot.

    Attributes:
        topology: What the axes mean.
        channels: Channels, the axis a seed's scale runs over.
        extent: The remaining axes: ``(height, width)``, ``(length,)`` or none.
        is_causal: True if no position of a sequence may see a later one; false for the rest.
        dtype: Type of the features, and of the seeds that grow there.
    """

    topology: Topology
    channels: int
    extent: tuple[int, ...]
    is_causal: bool = False
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, features: Tensor, *, slot_id: str, is_causal: bool = False) -> Self:
        """Read the shape off a probe batch.

        Args:
            features: Output of the slot's module, ``[B, C, H, W]``, ``[B, T, D]`` or ``[B, D]``, of
                a real floating dtype, on any device.
            slot_id: For the message.
            is_causal: Whether the host lets no position see a later one; ignored unless the
                features are a sequence.

        Raises:
            ShapeError: If the features are anything else, or a normalizer would run over fewer than
                two numbers: a whole sample of a CNN, the channels of a sequence or a vector.
        """
        topology = _TOPOLOGIES.get(features.dim())
        is_enough = count_normalized(features.shape) >= FEWEST_NUMBERS
        if topology is None or not features.is_floating_point() or not is_enough:
            message = (
                f"features of slot {slot_id} must be real floating-point numbers of shape "
                f"[B, C, H, W], [B, T, D] or [B, D] with at least {FEWEST_NUMBERS} to normalize "
                f"over (C H W, or D), got {features.dtype} of shape {list(features.shape)}"
            )
            raise ShapeError(message)
        if topology == Topology.CNN:
            _, channels, *extent = features.shape
        else:
            _, *extent, channels = features.shape
        return cls(
            topology=topology,
            channels=channels,
            extent=tuple(extent),
            is_causal=is_causal and topology == Topology.SEQUENCE,
            dtype=features.dtype,
        )

    @property
    def per_sample(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        if self.topology == Topology.CNN:
            return (self.channels, *self.extent)
        return (*self.extent, self.channels)

    @property
    def channel_shape(self) -> tuple[int, ...]:
        """Shape that broadcasts one number per channel over the features."""
        return self.topology.channel_shape(self.channels)


def count_normalized(shape: Sequence[int]) -> int:
    """Count the numbers that a seed's normalizer runs over.

    Args:
        shape: Shape of a batch of features.

    Returns:
        Those of a whole sample of a CNN, of a position of a sequence, of a vector; 0 if the shape
        is none of these.
    """
    topology = _TOPOLOGIES.get(len(shape))
    if topology is None:
        return 0
    return math.prod(shape[1:]) if topology == Topology.CNN else shape[-1]

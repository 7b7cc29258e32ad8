"""What the axes of a slot's features mean."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Topology"]


class Topology(StrEnum):
    """Kinds of features a seed can work on."""

    CNN = "cnn"
    """``[B, C, H, W]``: channels of a map."""

    SEQUENCE = "sequence"
    """``[B, T, D]``: positions, channels last."""

    VECTOR = "vector"
    """``[B, D]``: channels only."""

    def channel_shape(self, channels: int) -> tuple[int, ...]:
        """Shape that broadcasts one number per channel over features of this kind.

        >>> Topology.CNN.channel_shape(4), Topology.SEQUENCE.channel_shape(4)
        ((4, 1, 1), (4,))
        """
        return (channels, 1, 1) if self == Topology.CNN else (channels,)

"""Spaces of growth: what observations and actions look like to Gymnasium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium.spaces import Box

if TYPE_CHECKING:
    from tamiyo.observation import ObservationLayout

__all__ = ["build_observation_space"]


def build_observation_space(layout: ObservationLayout) -> Box[np.float32]:
    """Build the box of all values, codes for what is unknown and zeros of free slots included.

    Args:
        layout: The fields of an observation.
    """
    lows = [
        min(field.low, 0.0 if field.unknown is None else field.unknown, 0.0)
        for field in layout.fields
    ]
    highs = [max(field.high, 0.0) for field in layout.fields]
    return Box(np.array(lows, np.float32), np.array(highs, np.float32), dtype=np.float32)

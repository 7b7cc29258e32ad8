"""What a learned controller sees and may do: observations and masks of many environments."""

from __future__ import annotations

from tamiyo.observation.arrays import (
    FREE,
    HISTORY_EPOCHS,
    CourseArrays,
    HostArrays,
    SeedArrays,
    SizeArrays,
    build_free_slots,
    gather_arrays,
)
from tamiyo.observation.choices import (
    canonicalize_actions,
    is_allowed,
    marginalize,
    sample_uniform,
)
from tamiyo.observation.encoding import ObservationEncoder
from tamiyo.observation.fields import ObservationField
from tamiyo.observation.layout import ObservationLayout, build_layout
from tamiyo.observation.masks import compute_action_masks
from tamiyo.observation.moves import MoveTracker

__all__ = [
    "FREE",
    "HISTORY_EPOCHS",
    "CourseArrays",
    "HostArrays",
    "MoveTracker",
    "ObservationEncoder",
    "ObservationField",
    "ObservationLayout",
    "SeedArrays",
    "SizeArrays",
    "build_free_slots",
    "build_layout",
    "canonicalize_actions",
    "compute_action_masks",
    "gather_arrays",
    "is_allowed",
    "marginalize",
    "sample_uniform",
]

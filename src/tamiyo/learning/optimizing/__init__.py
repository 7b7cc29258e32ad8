"""How gradients become steps."""

from __future__ import annotations

from tamiyo.learning.optimizing.flat_adam import FlatAdam

__all__ = ["FlatAdam"]

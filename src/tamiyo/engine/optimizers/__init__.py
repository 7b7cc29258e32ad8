"""The user's own optimizer, led through the growth of a model."""

from __future__ import annotations

from tamiyo.engine.optimizers.growing import GrowingOptimizer

__all__ = ["GrowingOptimizer"]

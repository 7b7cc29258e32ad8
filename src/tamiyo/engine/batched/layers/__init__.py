"""Batched layers: what a layer computes for many environments at once. A file for each kind."""

from __future__ import annotations

from tamiyo.engine.batched.layers import convolution, linear, normalization, pointwise, pooling
from tamiyo.engine.batched.layers.registry import BatchedForward, Rows, batches, find_batched

__all__ = [
    "BatchedForward",
    "Rows",
    "batches",
    "convolution",
    "find_batched",
    "linear",
    "normalization",
    "pointwise",
    "pooling",
]

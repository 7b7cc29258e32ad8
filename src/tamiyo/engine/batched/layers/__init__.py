"""Batched layers: what a layer computes for many environments at once.

A file for each kind of layer. Importing such a file registers its layers, so this front door
imports them all, whether or not somebody asks for one by name.
"""

from __future__ import annotations

from tamiyo.engine.batched.layers import (
    convolution,
    linear,
    normalization,
    pointwise,
    pooling,
    seeds,
)
from tamiyo.engine.batched.layers.features import (
    Features,
    Maps,
    as_maps,
    as_samples,
    join,
    repeat,
    split,
)
from tamiyo.engine.batched.layers.products import ask_for_equal_bits
from tamiyo.engine.batched.layers.registry import BatchedForm, Layout, Rows, batches, find_batched
from tamiyo.engine.batched.layers.stacking import BatchedLayer, find_stacked_path, stack_module

__all__ = [
    "BatchedForm",
    "BatchedLayer",
    "Features",
    "Layout",
    "Maps",
    "Rows",
    "as_maps",
    "as_samples",
    "ask_for_equal_bits",
    "batches",
    "convolution",
    "find_batched",
    "find_stacked_path",
    "join",
    "linear",
    "normalization",
    "pointwise",
    "pooling",
    "repeat",
    "seeds",
    "split",
    "stack_module",
]

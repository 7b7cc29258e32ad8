"""What is done number by number: activations and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.registry import batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows


__all__ = ["pointwise"]

_GUARD_NUMBERS: Final = 64
"""Numbers that are put behind a tensor, so that none of its own is among the last ones."""


def pointwise(function: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Apply a function number by number, so that each number's result depends on it alone."""
    flat = F.pad(features.reshape(-1), (0, _GUARD_NUMBERS))
    return function(flat)[:-_GUARD_NUMBERS].view(features.shape)


@batches(nn.Dropout)
def _dropout(layer: nn.Dropout, rows: Rows, features: Tensor) -> Tensor:
    if not layer.training or layer.p == 0:
        return features
    per_network = rows.split(features)
    kept = torch.empty_like(per_network, memory_format=torch.contiguous_format)
    for mask, generator in zip(kept, rows.generators, strict=True):
        mask.bernoulli_(1 - layer.p, generator=generator)
    return (per_network * kept.div_(1 - layer.p)).flatten(0, 1)


@batches(nn.GELU, nn.Sigmoid, nn.Tanh, nn.SiLU, nn.ELU, nn.Softplus)
def _activation(layer: nn.Module, _rows: Rows, features: Tensor) -> Tensor:
    return pointwise(layer, features)

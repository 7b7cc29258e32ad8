"""What is done number by number: activations and dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.engine.batched.layers.registry import Rows

__all__ = ["guard"]

_GUARD_NUMBERS: Final = 64
"""Numbers that are put behind a tensor, so that none of its own is among the last ones."""


def guard(function: Callable[[Tensor], Tensor], numbers: Tensor) -> Tensor:
    """Apply a function number by number, so that each result depends on its number alone.

    >>> guard(torch.tanh, torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    flat = F.pad(numbers.reshape(-1), (0, _GUARD_NUMBERS))
    return function(flat)[:-_GUARD_NUMBERS].view(numbers.shape)


@batches(nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh, nn.Identity, layout=Layout.ANY)
def _exact(layer: nn.Module, _rows: Rows, numbers: Tensor) -> Tensor:
    activated: Tensor = layer(numbers)
    return activated


@batches(nn.GELU, nn.Sigmoid, nn.Tanh, nn.SiLU, nn.ELU, nn.Softplus, layout=Layout.ANY)
def _rounded(layer: nn.Module, _rows: Rows, numbers: Tensor) -> Tensor:
    return guard(layer, numbers)


@batches(nn.Dropout)
def _dropout(layer: nn.Dropout, rows: Rows, features: Tensor) -> Tensor:
    if not layer.training or layer.p == 0:
        return features
    # The generators are on the processor, wherever the features are: equal draws everywhere.
    kept = torch.empty(features.shape, dtype=features.dtype)
    for mask, generator in zip(kept.chunk(rows.count), rows.generators, strict=True):
        mask.bernoulli_(1 - layer.p, generator=generator)
    return features * kept.div_(1 - layer.p).to(features.device)

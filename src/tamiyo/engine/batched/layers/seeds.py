"""Parts of seeds that work on maps without leaving their layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.engine.batched.layers.pointwise import guard
from tamiyo.engine.batched.layers.products import multiply
from tamiyo.engine.batched.layers.registry import Layout, batches
from tamiyo.model import SqueezeExcite

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__: list[str] = []


@batches(SqueezeExcite, layout=Layout.MAPS)
def _squeeze_excite(_layer: SqueezeExcite, rows: Rows, maps: Tensor) -> Tensor:
    means = maps.mean(dim=(2, 3))  # [R, C, B]
    hidden = _map_channels(rows, "weigh.1", means).relu()
    weights = guard(torch.sigmoid, _map_channels(rows, "weigh.3", hidden))
    return maps * weights[:, :, None, None]


def _map_channels(rows: Rows, name: str, channels: Tensor) -> Tensor:
    """Apply a 1x1 convolution to [R, C, B]."""
    weight, bias = rows[f"{name}.weight"].flatten(2), rows[f"{name}.bias"]
    return multiply(weight, channels, bias.unsqueeze(2))

"""Pooling of maps by PyTorch's own kernels, which work along the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from tamiyo.engine.batched.layers.features import order_gradient
from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__: list[str] = []


@batches(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, layout=Layout.MAPS)
def _pool(layer: nn.Module, _rows: Rows, maps: Tensor) -> Tensor:
    # Every map [H, W, B] is to PyTorch an image of B channels that lie side by side in memory, the
    # layout that its pooling is fast in.
    images = order_gradient(maps).flatten(0, 1).permute(0, 3, 1, 2)  # [R C, B, H, W]
    pooled: Tensor = layer(images).permute(0, 2, 3, 1)
    return pooled.contiguous().view(*maps.shape[:2], *pooled.shape[1:])

"""Pooling of maps by comparing and adding slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tamiyo.engine.batched.layers.features import Maps, as_maps, as_samples
from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__: list[str] = []


@batches(nn.MaxPool2d, layout=Layout.MAPS)
def _max_pool(layer: nn.MaxPool2d, rows: Rows, maps: Tensor) -> Tensor:
    sides = {layer.kernel_size, layer.stride}
    is_halving = sides == {2} and layer.padding == 0 and layer.dilation == 1
    if not is_halving or any(side % 2 for side in maps.shape[2:4]):
        return as_maps(layer(as_samples(Maps(maps))), rows.count)
    pooled: Tensor = _HalvingMaxPool.apply(maps)
    return pooled


@batches(nn.AdaptiveAvgPool2d, layout=Layout.MAPS)
def _average_pool(layer: nn.AdaptiveAvgPool2d, rows: Rows, maps: Tensor) -> Tensor:
    size = layer.output_size
    high, wide = (size, size) if isinstance(size, int) else size
    height, width = maps.shape[2:4]
    if not high or not wide or height % high or width % wide:
        return as_maps(layer(as_samples(Maps(maps))), rows.count)
    windows = maps.unflatten(3, (wide, width // wide)).unflatten(2, (high, height // high))
    return windows.mean(dim=(3, 5))


class _HalvingMaxPool(torch.autograd.Function):
    """Maximum of every 2x2 window; of equal numbers the first one gets the gradient."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        """Return the maxima, [R, C, H / 2, W / 2, B]."""
        first, second, third, fourth = _quarters(maps)
        upper, lower = torch.maximum(first, second), torch.maximum(third, fourth)
        ctx.save_for_backward(second > first, fourth > third, lower > upper)
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        """Hand each gradient to where the maximum was."""
        is_second, is_fourth, is_lower = ctx.saved_tensors
        shape = gradient.shape
        whole = gradient.new_empty((*shape[:2], 2 * shape[2], 2 * shape[3], shape[4]))
        of_upper = gradient.masked_fill(is_lower, 0)
        of_lower = gradient.masked_fill(~is_lower, 0)
        first, second, third, fourth = _quarters(whole)
        for left, right, is_right, of_both in (
            (first, second, is_second, of_upper),
            (third, fourth, is_fourth, of_lower),
        ):
            left.copy_(of_both).masked_fill_(is_right, 0)
            right.copy_(of_both).masked_fill_(~is_right, 0)
        return whole


def _quarters(maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of the four corners of every 2x2 window, in the order of reading."""
    return (
        maps[:, :, ::2, ::2],
        maps[:, :, ::2, 1::2],
        maps[:, :, 1::2, ::2],
        maps[:, :, 1::2, 1::2],
    )

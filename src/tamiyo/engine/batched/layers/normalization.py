"""Normalizers of many networks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__ = ["per_channel"]


def per_channel(numbers: Tensor) -> Tensor:
    """Give numbers [R, C] the shape that meets maps [R, C, H, W, B]."""
    return numbers[:, :, None, None, None]


@batches(nn.LayerNorm)
def _layer_norm(layer: nn.LayerNorm, rows: Rows, features: Tensor) -> Tensor:
    normal = F.layer_norm(features, layer.normalized_shape, eps=layer.eps)
    if not layer.elementwise_affine:
        return normal
    apart = normal.unflatten(0, (rows.count, -1))
    shape = (rows.count, *[1] * (features.dim() - len(layer.normalized_shape)))
    scaled: Tensor = apart * rows["weight"].view(*shape, *layer.normalized_shape)
    if layer.bias is not None:
        scaled = scaled + rows["bias"].view(*shape, *layer.normalized_shape)
    return scaled.view_as(features)


@batches(nn.GroupNorm, layout=Layout.MAPS)
def _group_norm(layer: nn.GroupNorm, rows: Rows, maps: Tensor) -> Tensor:
    groups = maps.reshape(len(maps), layer.num_groups, -1, maps.shape[-1])  # [R, G, numbers, B]
    normal = _standardize(groups, layer.eps).view(maps.shape)
    if not layer.affine:
        return normal
    return normal * per_channel(rows["weight"]) + per_channel(rows["bias"])


def _standardize(numbers: Tensor, eps: float) -> Tensor:
    standardized: Tensor = _Standardize.apply(numbers, eps)  # type: ignore[no-untyped-call]  # torch's
    return standardized


class _Standardize(torch.autograd.Function):
    """Subtract the mean over axis 2 and divide by the standard deviation, as GroupNorm does."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, eps: float) -> Tensor:  # noqa: ANN401  # torch's own
        """Return the standardized numbers."""
        centered = numbers - numbers.mean(dim=2, keepdim=True)
        variance = centered.square().mean(dim=2, keepdim=True)
        inverse = variance.add_(eps).sqrt_().reciprocal_()
        normal = centered.mul_(inverse)
        ctx.save_for_backward(normal, inverse)
        return normal

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  # torch's own
        """Return the gradient of the numbers."""
        normal, inverse = ctx.saved_tensors
        gradient = gradient.contiguous()
        along = (gradient * normal).mean(dim=2, keepdim=True)
        moved = gradient - gradient.mean(dim=2, keepdim=True) - normal * along
        return moved * inverse, None


@batches(nn.BatchNorm2d, layout=Layout.MAPS)
def _batch_norm(layer: nn.BatchNorm2d, rows: Rows, maps: Tensor) -> Tensor:
    if layer.momentum is None:
        message = "batch normalization must have a momentum"
        raise NotImplementedError(message)
    by_batch = layer.training or not layer.track_running_stats
    mean = variance = weight = bias = None
    if layer.track_running_stats and (rows.keeps_statistics or not by_batch):
        mean, variance = rows["running_mean"].view(-1), rows["running_var"].view(-1)
        if layer.training:
            rows["num_batches_tracked"].add_(1)
    if layer.affine:
        weight, bias = rows["weight"].flatten(), rows["bias"].flatten()
    flat = maps.reshape(1, rows.count * layer.num_features, -1)  # a channel's numbers side by side
    normal = F.batch_norm(flat, mean, variance, weight, bias, by_batch, layer.momentum, layer.eps)
    return normal.view(maps.shape)

"""Normalizers of many networks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.registry import batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows


__all__ = ["shape_for"]


def shape_for(numbers: Tensor, features: Tensor) -> Tensor:
    """Give numbers per channel, [R, C], the shape that multiplies features [R, B, C, ...]."""
    return numbers.view(*numbers.shape[:1], 1, numbers.shape[1], *[1] * (features.dim() - 3))


@batches(nn.LayerNorm)
def _layer_norm(layer: nn.LayerNorm, rows: Rows, features: Tensor) -> Tensor:
    normal = F.layer_norm(features, layer.normalized_shape, eps=layer.eps)
    if not layer.elementwise_affine:
        return normal
    shape = (rows.count, *[1] * (features.dim() - len(layer.normalized_shape)))
    per_network = rows.split(normal)
    scaled = per_network * rows["weight"].view(*shape, *layer.normalized_shape)
    if layer.bias is not None:
        scaled = scaled + rows["bias"].view(*shape, *layer.normalized_shape)
    return scaled.flatten(0, 1)


@batches(nn.GroupNorm)
def _group_norm(layer: nn.GroupNorm, rows: Rows, features: Tensor) -> Tensor:
    normal = F.group_norm(features, layer.num_groups, eps=layer.eps)
    if not layer.affine:
        return normal
    per_network = rows.split(normal)
    scaled = per_network * shape_for(rows["weight"], per_network)
    return (scaled + shape_for(rows["bias"], per_network)).flatten(0, 1)


@batches(nn.BatchNorm1d, nn.BatchNorm2d)
def _batch_norm(layer: nn.BatchNorm2d, rows: Rows, features: Tensor) -> Tensor:
    if layer.momentum is None:
        message = "batch normalization must have a momentum"
        raise NotImplementedError(message)
    per_network = rows.split(features)
    channels = per_network.transpose(1, 2)  # [R, C, B, ...]
    flat = channels.reshape(1, rows.count * layer.num_features, -1)
    by_batch = layer.training or not layer.track_running_stats
    mean = variance = None
    if layer.track_running_stats and (rows.keeps_statistics or not by_batch):
        mean, variance = rows["running_mean"].view(-1), rows["running_var"].view(-1)
        if layer.training:
            rows["num_batches_tracked"].add_(1)
    weight, bias = (
        (rows["weight"].reshape(-1), rows["bias"].reshape(-1)) if layer.affine else (None, None)
    )
    normal = F.batch_norm(flat, mean, variance, weight, bias, by_batch, layer.momentum, layer.eps)
    return normal.view(channels.shape).transpose(1, 2).flatten(0, 1)

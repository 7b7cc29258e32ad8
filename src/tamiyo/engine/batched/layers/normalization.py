"""Normalizers of many networks at once."""

from __future__ import annotations

from math import prod
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
    numbers = features.reshape(-1, prod(layer.normalized_shape))
    normal: Tensor = _LayerNorm.apply(numbers, layer.eps).view(features.shape)  # type: ignore[no-untyped-call]  # torch's
    if not layer.elementwise_affine:
        return normal
    apart = normal.unflatten(0, (rows.count, -1))
    shape = (rows.count, *[1] * (features.dim() - len(layer.normalized_shape)))
    scaled: Tensor = apart * rows["weight"].view(*shape, *layer.normalized_shape)
    if layer.bias is not None:
        scaled = scaled + rows["bias"].view(*shape, *layer.normalized_shape)
    return scaled.view_as(features)


class _LayerNorm(torch.autograd.Function):
    """Normalize rows by their own statistics; PyTorch's kernel is slower forward on short ones."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, eps: float) -> Tensor:  # noqa: ANN401  # torch's own
        """Return normalized numbers, [N, D]."""
        centered, mean, variance = _center(numbers, dim=1)
        inverse = _invert(variance + eps)
        ctx.save_for_backward(numbers, mean, inverse)
        return centered.mul_(inverse)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  # torch's own
        """Return the gradient of the numbers."""
        numbers, mean, inverse = ctx.saved_tensors
        backward = torch.ops.aten.native_layer_norm_backward
        shape, wanted = numbers.shape[1:], [True, False, False]
        found = backward(gradient.contiguous(), numbers, shape, mean, inverse, None, None, wanted)
        return found[0], None


@batches(nn.GroupNorm, layout=Layout.MAPS)
def _group_norm(layer: nn.GroupNorm, rows: Rows, maps: Tensor) -> Tensor:
    groups = maps.reshape(len(maps), layer.num_groups, -1, maps.shape[-1])  # [R, G, numbers, B]
    normal: Tensor = _Standardize.apply(groups, layer.eps).view(maps.shape)  # type: ignore[no-untyped-call]  # torch's
    if not layer.affine:
        return normal
    return normal * per_channel(rows["weight"]) + per_channel(rows["bias"])


class _Standardize(torch.autograd.Function):
    """Subtract the mean over axis 2 and divide by the standard deviation, as GroupNorm does."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, eps: float) -> Tensor:  # noqa: ANN401  # torch's own
        """Return the standardized numbers."""
        centered, _, variance = _center(numbers, dim=2)
        inverse = _invert(variance + eps)
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
    numbers = maps.reshape(1, rows.count * layer.num_features, -1)  # a channel's side by side
    weight, bias = (rows[name].flatten() if layer.affine else None for name in ("weight", "bias"))
    if not layer.training and layer.track_running_stats:
        known = rows["running_mean"].flatten(), rows["running_var"].flatten(), weight, bias
        return F.batch_norm(numbers, *known, eps=layer.eps).view(maps.shape)
    size = numbers.shape[2]
    if size == 1:
        message = f"a channel must have more than one value in training, got {list(maps.shape)}"
        raise ValueError(message)
    normal, mean, variance = _BatchNorm.apply(numbers, weight, bias, layer.eps)  # type: ignore[no-untyped-call]  # torch's
    if layer.training and layer.track_running_stats and rows.keeps_statistics:
        for name, found in (("mean", mean), ("var", variance * (size / (size - 1)))):
            statistic = rows[f"running_{name}"]
            statistic.add_((found.view_as(statistic) - statistic) * layer.momentum)
        rows["num_batches_tracked"].add_(1)
    normalized: Tensor = normal.view(maps.shape)
    return normalized


class _BatchNorm(torch.autograd.Function):
    """Normalize channels by their own statistics; PyTorch's kernel for that is slower forward."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch's own
        numbers: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return normalized numbers [1, C, n], and mean and variance of each channel, [C]."""
        centered, *moments = _center(numbers, dim=2)
        mean, variance = (moment.flatten() for moment in moments)
        inverse = _invert(variance + eps)
        ctx.save_for_backward(numbers, weight, mean, inverse)
        ctx.mark_non_differentiable(mean, variance)
        ctx.eps = eps
        scale = inverse if weight is None else inverse * weight
        scaled = centered.mul_(scale.unsqueeze(1))
        return scaled if bias is None else scaled.add_(bias.unsqueeze(1)), mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401  # torch's own
        """Return the gradients of numbers, weight and bias."""
        numbers, weight, mean, inverse = ctx.saved_tensors
        known = gradient.contiguous(), numbers, weight, None, None, mean, inverse
        wanted = list(ctx.needs_input_grad[:3])
        backward = torch.ops.aten.native_batch_norm_backward
        return *backward(*known, train=True, eps=ctx.eps, output_mask=wanted), None


def _center(numbers: Tensor, *, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return numbers less their mean along an axis, that mean and their variance."""
    mean = numbers.mean(dim=dim, keepdim=True)
    centered = numbers - mean
    return centered, mean, centered.square().mean(dim=dim, keepdim=True)


def _invert(variance: Tensor) -> Tensor:
    return variance.sqrt_().reciprocal_()

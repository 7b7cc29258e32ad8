"""The two ways in which features of a population lie in memory.

*Samples*: one tensor [R * B, ...], the samples of the first network, then those of the second, and
so on. Any code that treats samples alike runs on it as on one batch.

*Maps*: one tensor [R, C, H, W, B], samples last. Kernels then work along the samples, however small
the maps are, and matrix products of each network need no copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

__all__ = [
    "Features",
    "Maps",
    "as_maps",
    "as_samples",
    "join",
    "order_gradient",
    "permute",
    "repeat",
    "split",
]

_AXES_OF_IMAGES: Final = 4
_TO_MAPS: Final = (0, 2, 3, 4, 1)
_TO_SAMPLES: Final = (0, 4, 1, 2, 3)


@dataclass(frozen=True)
class Maps:
    """Feature maps of many networks.

    Attributes:
        data: Shape [R, C, H, W, B].
    """

    data: Tensor


Features: TypeAlias = Tensor | Maps
"""Samples [R * B, ...] or maps."""


def as_maps(features: Features, networks: int) -> Tensor:
    """Return features as [R, C, H, W, B]."""
    if isinstance(features, Maps):
        return features.data
    return permute(split(features, networks), _TO_MAPS)


def repeat(samples: Tensor, networks: int) -> Features:
    """Show every network the same samples, [B, ...]; maps of them take no memory of their own."""
    if samples.dim() == _AXES_OF_IMAGES:
        return Maps(samples.permute(1, 2, 3, 0).contiguous().expand(networks, -1, -1, -1, -1))
    return samples.expand(networks, *samples.shape).flatten(0, 1)


def as_samples(features: Any) -> Any:  # noqa: ANN401  # whatever code of others hands around
    """Return features as [R * B, ...]; anything else as it is."""
    if isinstance(features, Maps):
        return permute(features.data, _TO_SAMPLES).flatten(0, 1)
    return features


def split(features: Features, networks: int) -> Tensor:
    """Return features with the networks as an axis of their own: [R, B, ...] or [R, C, H, W, B]."""
    if isinstance(features, Maps):
        return features.data
    separate: Tensor = features.unflatten(0, (networks, -1))
    return separate


def join(separate: Tensor, like: Features) -> Features:
    """Undo :func:`split`, in the layout of other features."""
    return Maps(separate) if isinstance(like, Maps) else separate.flatten(0, 1)


def order_gradient(features: Tensor) -> Tensor:
    """Let the gradient of features come in the order of their memory; returns the features.

    Where a kernel hands back another order the next one walks through both, ten times as slow.
    """
    if features.requires_grad:
        features.register_hook(torch.Tensor.contiguous)
    return features


def permute(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Copy a tensor in another order of its axes; its gradient is a copy as well."""
    permuted: Tensor = _Permute.apply(tensor, axes)  # type: ignore[no-untyped-call]  # torch's own
    return permuted


class _Permute(torch.autograd.Function):
    """Copies in another order of the axes, and back: what is a view is summed in another order.

    For a single network a view can pass for a copy, and then it would be summed as no other is.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, axes: tuple[int, ...]) -> Tensor:  # noqa: ANN401  # torch's own
        """Return the copy."""
        ctx.axes = axes
        return tensor.permute(axes).clone(memory_format=torch.contiguous_format)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  # torch's own
        """Return the gradient in the order it came in."""
        back = sorted(range(len(ctx.axes)), key=ctx.axes.__getitem__)
        return gradient.permute(back).clone(memory_format=torch.contiguous_format), None

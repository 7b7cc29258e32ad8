"""Seed bodies for convolutional features, each a map f: [B, C, H, W] -> [B, C, H, W].

Bodies end in a normalizer, a non-linearity or a product, never in a zero: what makes a seed the
identity at birth is the scale behind the body (see ``SeedModule``), so every body has a gradient
from the start.
Normalizers are GroupNorm, so that no running statistics can drift.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

__all__ = [
    "SqueezeExcite",
    "build_attention",
    "build_bottleneck",
    "build_conv_heavy",
    "build_conv_light",
    "build_conv_small",
    "build_depthwise",
    "build_norm",
    "count_groups",
]


_MIN_GROUP_CHANNELS: Final = 16


def count_groups(channels: int) -> int:
    """Groups of a seed's GroupNorm: the most, up to 32, that leave at least 16 channels in each.

    >>> count_groups(64), count_groups(8)
    (4, 1)
    """
    return next(
        (
            groups
            for groups in (32, 16, 8, 4, 2)
            if channels % groups == 0 and channels // groups >= _MIN_GROUP_CHANNELS
        ),
        1,
    )


class SqueezeExcite(nn.Module):
    """h * sigmoid(W2 relu(W1 mean(h))): channels weighed by the whole map (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, channels // 4)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Weigh the channels of ``features``, shape [B, C, H, W]."""
        weighed: Tensor = features * self.weigh(features)
        return weighed


def build_norm(channels: int) -> nn.Module:
    """GroupNorm alone."""
    return _norm(channels)


def build_attention(channels: int) -> nn.Module:
    """Squeeze and excite with at least four hidden units."""
    return SqueezeExcite(channels)


def build_depthwise(channels: int) -> nn.Module:
    """Depthwise 3x3, then 1x1, GroupNorm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        _norm(channels),
        nn.ReLU(),
    )


def build_bottleneck(channels: int) -> nn.Module:
    """1x1 to at least eight channels, 3x3 there, 1x1 back, GroupNorm."""
    inner = max(8, channels // 4)
    return nn.Sequential(
        nn.Conv2d(channels, inner, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(inner, inner, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(inner, channels, 1, bias=False),
        _norm(channels),
    )


def build_conv_small(channels: int) -> nn.Module:
    """1x1 convolution, GroupNorm, ReLU."""
    return _conv_block(channels, kernel_size=1)


def build_conv_light(channels: int) -> nn.Module:
    """3x3 convolution, GroupNorm, ReLU."""
    return _conv_block(channels, kernel_size=3)


def build_conv_heavy(channels: int) -> nn.Module:
    """Two 3x3 blocks in series."""
    return nn.Sequential(_conv_block(channels, kernel_size=3), _conv_block(channels, kernel_size=3))


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(count_groups(channels), channels)


def _conv_block(channels: int, *, kernel_size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, bias=False),
        _norm(channels),
        nn.ReLU(),
    )

"""A small convolutional classifier of gray images, in stages that slots can name."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from tamiyo.contracts import ConfigError, UnknownNameError

__all__ = ["build_cnn"]

_NORMALIZATIONS = ("group", "none")


def build_cnn(
    *,
    channels: int,
    blocks: int,
    num_classes: int,
    normalization: str = "group",
    pool_size: int = 2,
    pooled_blocks: int = 1,
) -> nn.Sequential:
    """Build convolution blocks of one width, an average pool and a linear head.

    The stages are named ``block1``, ``block2``, ..., ``pool`` and ``head``. A block is a 3x3
    convolution with bias that keeps the image size, a normalizer, a ReLU and, in the first
    ``pooled_blocks`` blocks, a 2x2 max pool. Weights are drawn from PyTorch's global generator:
    wrap the call.

    Args:
        channels: Width of every block, at least 1.
        blocks: Number of blocks, at least 2.
        num_classes: Number of logits, at least 2.
        normalization: ``"group"`` (one GroupNorm group per block) or ``"none"``.
        pool_size: Side of the average-pooled map in front of the head, pixels, at least 1.
        pooled_blocks: How many of the first blocks halve the image, in ``[0, blocks]``.

    Returns:
        A module that maps [B, 1, H, W] float32 to logits [B, num_classes].

    Raises:
        ConfigError: If a number is outside its range.
        UnknownNameError: If ``normalization`` is neither of the two.

    >>> sum(p.numel() for p in build_cnn(channels=2, blocks=2, num_classes=10).parameters())
    156
    """
    for name, value, smallest in (
        ("channels", channels, 1),
        ("blocks", blocks, 2),
        ("num_classes", num_classes, 2),
        ("pool_size", pool_size, 1),
    ):
        if value < smallest:
            message = f"{name} of host cnn must be at least {smallest}, got {value}"
            raise ConfigError(message)
    if not 0 <= pooled_blocks <= blocks:
        message = (
            f"pooled_blocks of host cnn must be in [0, blocks = {blocks}], got {pooled_blocks}"
        )
        raise ConfigError(message)
    if normalization not in _NORMALIZATIONS:
        kind = "normalization of host cnn"
        raise UnknownNameError(kind, normalization, list(_NORMALIZATIONS))
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    for index in range(blocks):
        stages[f"block{index + 1}"] = _build_block(
            channels if index else 1,
            channels,
            is_normalized=normalization == "group",
            is_pooled=index < pooled_blocks,
        )
    stages["pool"] = nn.AdaptiveAvgPool2d(pool_size)
    stages["head"] = nn.Sequential(nn.Flatten(), nn.Linear(channels * pool_size**2, num_classes))
    return nn.Sequential(stages)


def _build_block(
    in_channels: int, out_channels: int, *, is_normalized: bool, is_pooled: bool
) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, 3, padding=1)]
    if is_normalized:
        layers.append(nn.GroupNorm(1, out_channels))
    layers.append(nn.ReLU())
    if is_pooled:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)

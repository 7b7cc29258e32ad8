"""A small multi-layer perceptron of one width, in stages that slots can name."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from tamiyo.contracts import ConfigError

__all__ = ["build_mlp"]


def build_mlp(*, width: int, blocks: int, inputs: int, outputs: int) -> nn.Sequential:
    """Build fully connected blocks of one width and a linear head.

    The stages are named ``flatten``, ``block1``, ``block2``, ... and ``head``. A block is a linear
    layer, a LayerNorm and a ReLU. Weights are drawn from PyTorch's global generator: wrap the call.

    Args:
        width: Features of every block, at least 2, as LayerNorm leaves nothing of a single one.
        blocks: Number of blocks, at least 1.
        inputs: Numbers of a sample, at least 1.
        outputs: Numbers to compute from them, logits of a classifier for example, at least 1.

    Returns:
        A module that maps [B, ...] float32 of ``inputs`` numbers per sample to [B, outputs].

    Raises:
        ConfigError: If a number is outside its range.

    >>> sum(p.numel() for p in build_mlp(width=4, blocks=2, inputs=2, outputs=3).parameters())
    63
    """
    for name, value, smallest in (
        ("width", width, 2),
        ("blocks", blocks, 1),
        ("inputs", inputs, 1),
        ("outputs", outputs, 1),
    ):
        if value < smallest:
            message = f"{name} of host mlp must be at least {smallest}, got {value}"
            raise ConfigError(message)
    stages: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for index in range(blocks):
        linear = nn.Linear(width if index else inputs, width)
        stages[f"block{index + 1}"] = nn.Sequential(linear, nn.LayerNorm(width), nn.ReLU())
    stages["head"] = nn.Linear(width, outputs)
    return nn.Sequential(stages)

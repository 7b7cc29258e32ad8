"""Seed bodies that treat every position alike, for features of any topology.

A map between channels is a linear layer where they are the last axis, a 1x1 convolution in a CNN.
What is not linear normalizes first: features differ in scale from slot to slot and grow along a
residual stream, and a body that saw them raw would start far from where its non-linearity bends.
That normalizer has no weights of its own, since the layer behind it holds the same freedom.
"""

from __future__ import annotations

from torch import nn

from .conv import count_groups
from .topology import Topology

__all__ = ["build_layer_norm", "build_lora", "build_mlp", "build_normalizer"]


def build_layer_norm(channels: int) -> nn.Module:
    """LayerNorm alone: 2 D parameters."""
    return nn.LayerNorm(channels)


def build_lora(topology: Topology, channels: int, rank: int) -> nn.Module:
    """Linear map of low rank, without bias: 2 D r parameters (Hu et al. 2022).

    Args:
        topology: What the features' axes mean.
        channels: Channels D.
        rank: Rank r; never more than D.
    """
    inner = min(rank, channels)
    return nn.Sequential(
        _build_map(topology, channels, inner, bias=False),
        _build_map(topology, inner, channels, bias=False),
    )


def build_mlp(topology: Topology, channels: int, expansion: int) -> nn.Module:
    """Normalizer, map to e D channels, GELU, map back: 2 e D^2 + (e + 1) D parameters.

    Args:
        topology: What the features' axes mean.
        channels: Channels D.
        expansion: Hidden units per channel, e.
    """
    return nn.Sequential(
        build_normalizer(topology, channels),
        _build_map(topology, channels, expansion * channels, bias=True),
        nn.GELU(),
        _build_map(topology, expansion * channels, channels, bias=True),
    )


def build_normalizer(topology: Topology, channels: int) -> nn.Module:
    """Normalizer without parameters or running statistics, per position where there are any."""
    if topology == Topology.CNN:
        return nn.GroupNorm(count_groups(channels), channels, affine=False)
    return nn.LayerNorm(channels, elementwise_affine=False)


def _build_map(topology: Topology, inputs: int, outputs: int, *, bias: bool) -> nn.Module:
    if topology == Topology.CNN:
        return nn.Conv2d(inputs, outputs, 1, bias=bias)
    return nn.Linear(inputs, outputs, bias=bias)

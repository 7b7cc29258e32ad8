"""The bodies that exist for each topology, by blueprint name, and the seeds made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import torch
from torch import nn

from . import conv
from .attention import SelfAttention, attend_everywhere, attend_within_window
from .pointwise import build_layer_norm, build_lora, build_mlp
from .seed_module import LearnedGate, SeedModule
from .topology import Topology

__all__ = ["BODIES", "Body", "build_seed"]


@dataclass(frozen=True)
class Body:
    """What a blueprint is on features of one topology.

    Attributes:
        summary: What it computes, in one line.
        build: Builds it for a number of channels, and for whether the slot is causal.
    """

    summary: str
    build: Callable[[int, bool], nn.Module]


def _plain(summary: str, build: Callable[[int], nn.Module]) -> Body:
    """Describe a body in which positions do not meet, or that lives where there is no order."""
    return Body(summary, lambda channels, _is_causal: build(channels))


def _attending(summary: str, attend: Callable[..., torch.Tensor]) -> Body:
    return Body(
        summary,
        lambda channels, is_causal: SelfAttention(channels, attend, is_causal=is_causal),
    )


def _pointwise(topology: Topology) -> dict[str, Body]:
    lora, mlp = partial(build_lora, topology), partial(build_mlp, topology)
    return {
        "LORA": _plain("W2 W1 h, rank 8", partial(lora, rank=8)),
        "LORA_LARGE": _plain("W2 W1 h, rank 32", partial(lora, rank=32)),
        "MLP_SMALL": _plain("W2 gelu(W1 norm(h)), 2 times as wide", partial(mlp, expansion=2)),
        "MLP": _plain("W2 gelu(W1 norm(h)), 4 times as wide", partial(mlp, expansion=4)),
    }


BODIES: Final[Mapping[Topology, Mapping[str, Body]]] = MappingProxyType(
    {
        Topology.CNN: {
            "CONV_LIGHT": _plain("relu(norm(conv3x3 h))", conv.build_conv_light),
            "ATTENTION": _plain("h * sigmoid(W2 relu(W1 mean h))", conv.build_attention),
            "NORM": _plain("norm(h)", conv.build_norm),
            "DEPTHWISE": _plain("relu(norm(conv1x1 depthwise3x3 h))", conv.build_depthwise),
            "BOTTLENECK": _plain(
                "norm(conv1x1 relu(conv3x3 relu(conv1x1 h)))", conv.build_bottleneck
            ),
            "CONV_SMALL": _plain("relu(norm(conv1x1 h))", conv.build_conv_small),
            "CONV_HEAVY": _plain("conv_light twice", conv.build_conv_heavy),
            **_pointwise(Topology.CNN),
        },
        Topology.SEQUENCE: {
            "NORM": _plain("norm(h)", build_layer_norm),
            "ATTENTION": _attending("W2 attention(W1 norm(h))", attend_everywhere),
            "FLEX_ATTENTION": _attending(
                "W2 attention(W1 norm(h)) within 64 positions", attend_within_window
            ),
            **_pointwise(Topology.SEQUENCE),
        },
        Topology.VECTOR: {
            "NORM": _plain("norm(h)", build_layer_norm),
            **_pointwise(Topology.VECTOR),
        },
    }
)
"""Topology to blueprint name to body."""


def build_seed(
    blueprint: str,
    topology: Topology,
    channels: int,
    *,
    is_causal: bool,
    is_gated: bool,
    dtype: torch.dtype,
) -> SeedModule:
    """Build a seed's module on the CPU; it draws its initial weights from the global generator.

    Args:
        blueprint: Name of a blueprint that has a body for the topology.
        topology: What the features' axes mean.
        channels: Their channels.
        is_causal: Whether positions of the slot must not see later ones.
        is_gated: Whether the seed gets a learned gate.
        dtype: Type of its weights. Draws are made in float32 and rounded, so that they are the
            same for every type.
    """
    body = BODIES[topology][blueprint].build(channels, is_causal)
    gate = LearnedGate(topology, channels) if is_gated else None
    return SeedModule(body, topology.channel_shape(channels), gate=gate).to(dtype)

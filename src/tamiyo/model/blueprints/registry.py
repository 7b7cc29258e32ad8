"""The catalogue of blueprints: name, body, accepted shapes; sizes are counted, never estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

import torch
from torch import nn

from tamiyo.contracts import Blueprint, InvariantError, ShapeError
from tamiyo.model.blueprints import conv
from tamiyo.model.blueprints.seed_module import LearnedGate, SeedModule, build_gate
from tamiyo.model.blueprints.shapes import SlotShape, Topology

__all__ = [
    "BLUEPRINTS",
    "BlueprintEntry",
    "build_seed_module",
    "count_blueprint_parameters",
    "count_gate_parameters",
]


@dataclass(frozen=True, kw_only=True)
class BlueprintEntry:
    """One row of the catalogue.

    Attributes:
        summary: What the body computes, in one line.
        build: Builds the body for a shape.
        accepts: Topologies it works on; empty for a name that is reserved and not built yet.
    """

    summary: str
    build: Callable[[SlotShape], nn.Module]
    accepts: frozenset[Topology]


def _refuse(shape: SlotShape) -> nn.Module:
    message = f"a reserved blueprint must not be built, got a request for {shape}"
    raise ShapeError(message)


def _entry(summary: str, build: Callable[[SlotShape], nn.Module]) -> BlueprintEntry:
    return BlueprintEntry(summary=summary, build=build, accepts=frozenset({Topology.CNN}))


_RESERVED: Final = BlueprintEntry(
    summary="reserved: for sequences, fits no convolutional slot",
    build=_refuse,
    accepts=frozenset(),
)

BLUEPRINTS: Final[Mapping[Blueprint, BlueprintEntry]] = MappingProxyType(
    {
        Blueprint.NOOP: _entry("nothing; stands for 'no blueprint'", lambda _shape: nn.Identity()),
        Blueprint.CONV_LIGHT: _entry("relu(norm(conv3x3 h))", conv.build_conv_light),
        Blueprint.ATTENTION: _entry("h * sigmoid(W2 relu(W1 mean h))", conv.build_attention),
        Blueprint.NORM: _entry("norm(h)", conv.build_norm),
        Blueprint.DEPTHWISE: _entry("relu(norm(conv1x1 depthwise3x3 h))", conv.build_depthwise),
        Blueprint.BOTTLENECK: _entry(
            "norm(conv1x1 relu(conv3x3 relu(conv1x1 h)))", conv.build_bottleneck
        ),
        Blueprint.CONV_SMALL: _entry("relu(norm(conv1x1 h))", conv.build_conv_small),
        Blueprint.CONV_HEAVY: _entry("conv_light twice", conv.build_conv_heavy),
        Blueprint.LORA: _RESERVED,
        Blueprint.LORA_LARGE: _RESERVED,
        Blueprint.MLP_SMALL: _RESERVED,
        Blueprint.MLP: _RESERVED,
        Blueprint.FLEX_ATTENTION: _RESERVED,
    }
)
"""Every blueprint of the enum; a missing one fails at import."""

if set(BLUEPRINTS) != set(Blueprint):
    _missing = sorted(set(Blueprint) ^ set(BLUEPRINTS))
    _message = f"BLUEPRINTS must hold every member of Blueprint, got a difference in {_missing}"
    raise InvariantError(_message)


def build_seed_module(blueprint: Blueprint, shape: SlotShape, *, gated: bool) -> SeedModule:
    """Build a seed's module; it draws its initial weights from the global generator.

    Args:
        blueprint: What to build, not NOOP.
        shape: Shape of the slot's features.
        gated: Whether it gets a learned gate.

    Raises:
        ShapeError: If the blueprint does not accept the shape or has nothing to train.
    """
    entry = BLUEPRINTS[blueprint]
    if shape.topology not in entry.accepts or blueprint == Blueprint.NOOP:
        message = f"blueprint must be one that fits {shape.topology} features, got {blueprint.name}"
        raise ShapeError(message)
    return SeedModule(entry.build(shape), shape, gate=build_gate(shape) if gated else None)


@cache
def count_blueprint_parameters(shape: SlotShape) -> Mapping[Blueprint, int]:
    """Count what every blueprint that accepts ``shape`` would have there, without a gate."""
    sizes: dict[Blueprint, int] = {}
    with torch.device("meta"):
        for blueprint, entry in BLUEPRINTS.items():
            if blueprint == Blueprint.NOOP:
                sizes[blueprint] = 0
            elif shape.topology in entry.accepts:
                sizes[blueprint] = _count(build_seed_module(blueprint, shape, gated=False))
    return MappingProxyType(sizes)


@cache
def count_gate_parameters(shape: SlotShape) -> int:
    """Count the parameters of the learned gate for ``shape``."""
    with torch.device("meta"):
        return _count(build_gate(shape))


def _count(module: SeedModule | LearnedGate) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

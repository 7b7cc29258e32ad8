"""The catalogue of blueprints: where each fits and what it computes; sizes are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.contracts import Blueprint, InvariantError, ShapeError
from tamiyo.model.modules import (
    BODIES,
    Algorithm,
    LearnedGate,
    SeedModule,
    Topology,
    build_seed,
)

if TYPE_CHECKING:
    from tamiyo.contracts import AlphaAlgorithm
    from tamiyo.model.blueprints.shapes import SlotShape

__all__ = [
    "BLUEPRINTS",
    "BlueprintEntry",
    "build_gate",
    "build_seed_module",
    "count_blueprint_parameters",
    "count_gate_parameters",
    "name_algorithm",
]


@dataclass(frozen=True)
class BlueprintEntry:
    """One row of the catalogue.

    Attributes:
        summaries: For each topology it has a body for, what that computes, in one line.
    """

    summaries: Mapping[Topology, str]

    @property
    def accepts(self) -> frozenset[Topology]:
        """Topologies it works on."""
        return frozenset(self.summaries)


def _entry(blueprint: Blueprint) -> BlueprintEntry:
    if blueprint == Blueprint.NOOP:
        return BlueprintEntry(dict.fromkeys(Topology, "nothing; stands for 'no blueprint'"))
    return BlueprintEntry(
        {
            topology: bodies[blueprint.name].summary
            for topology, bodies in BODIES.items()
            if blueprint.name in bodies
        }
    )


BLUEPRINTS: Final[Mapping[Blueprint, BlueprintEntry]] = MappingProxyType(
    {blueprint: _entry(blueprint) for blueprint in Blueprint}
)
"""Every blueprint of the enum; one without a body, or a body without one, fails at import."""

_with_body = {name for bodies in BODIES.values() for name in bodies}
_difference = _with_body ^ {blueprint.name for blueprint in Blueprint if blueprint}
if _difference:
    _message = f"BODIES must hold every blueprint, got a difference in {sorted(_difference)}"
    raise InvariantError(_message)


def name_algorithm(algorithm: AlphaAlgorithm) -> Algorithm:
    """Return what an algorithm is called where contracts are not known."""
    return Algorithm[algorithm.name]


def build_seed_module(blueprint: Blueprint, shape: SlotShape, *, gated: bool) -> SeedModule:
    """Build a seed's module; it draws its initial weights from the global generator.

    Args:
        blueprint: What to build, not NOOP.
        shape: Shape of the slot's features.
        gated: Whether it gets a learned gate.

    Returns:
        The module, of the shape's dtype.

    Raises:
        ShapeError: If the blueprint does not accept the shape or has nothing to train.
    """
    if blueprint == Blueprint.NOOP or shape.topology not in BLUEPRINTS[blueprint].accepts:
        message = f"blueprint must be one that fits {shape.topology} features, got {blueprint.name}"
        raise ShapeError(message)
    return build_seed(
        blueprint.name,
        shape.topology,
        shape.channels,
        is_causal=shape.is_causal,
        is_gated=gated,
        dtype=shape.dtype,
    )


def build_gate(shape: SlotShape) -> LearnedGate:
    """Build the learned gate for a slot's shape, of its dtype."""
    return LearnedGate(shape.topology, shape.channels).to(shape.dtype)


@cache
def count_blueprint_parameters(shape: SlotShape) -> Mapping[Blueprint, int]:
    """Count what every blueprint that accepts ``shape`` would have there, without a gate."""
    sizes = {Blueprint.NOOP: 0}
    with torch.device("meta"):
        for blueprint, entry in BLUEPRINTS.items():
            if blueprint != Blueprint.NOOP and shape.topology in entry.accepts:
                sizes[blueprint] = _count(build_seed_module(blueprint, shape, gated=False))
    return MappingProxyType(sizes)


@cache
def count_gate_parameters(shape: SlotShape) -> int:
    """Count the parameters of the learned gate for ``shape``."""
    with torch.device("meta"):
        return _count(build_gate(shape))


def _count(module: SeedModule | LearnedGate) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

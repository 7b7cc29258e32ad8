"""What seeds are made of."""

from __future__ import annotations

from tamiyo.model.blueprints.registry import (
    BLUEPRINTS,
    BlueprintEntry,
    build_seed_module,
    count_blueprint_parameters,
    count_gate_parameters,
)
from tamiyo.model.blueprints.seed_module import LearnedGate, SeedModule, build_gate, compose
from tamiyo.model.blueprints.shapes import SlotShape, Topology

__all__ = [
    "BLUEPRINTS",
    "BlueprintEntry",
    "LearnedGate",
    "SeedModule",
    "SlotShape",
    "Topology",
    "build_gate",
    "build_seed_module",
    "compose",
    "count_blueprint_parameters",
    "count_gate_parameters",
]

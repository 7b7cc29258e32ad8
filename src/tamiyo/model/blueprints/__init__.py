"""What seeds are made of."""

from __future__ import annotations

from tamiyo.model.blueprints.registry import (
    BLUEPRINTS,
    BlueprintEntry,
    build_gate,
    build_seed_module,
    count_blueprint_parameters,
    count_gate_parameters,
    name_algorithm,
)
from tamiyo.model.blueprints.shapes import SlotShape, Topology
from tamiyo.model.modules import LearnedGate, SeedModule

__all__ = [
    "BLUEPRINTS",
    "BlueprintEntry",
    "LearnedGate",
    "SeedModule",
    "SlotShape",
    "Topology",
    "build_gate",
    "build_seed_module",
    "count_blueprint_parameters",
    "count_gate_parameters",
    "name_algorithm",
]

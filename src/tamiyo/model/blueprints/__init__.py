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
from tamiyo.model.blueprints.shapes import (
    FEWEST_NUMBERS,
    SUPPORTED_AXES,
    SlotShape,
    Topology,
    count_normalized,
)
from tamiyo.model.modules import LearnedGate, SeedModule

__all__ = [
    "BLUEPRINTS",
    "FEWEST_NUMBERS",
    "SUPPORTED_AXES",
    "BlueprintEntry",
    "LearnedGate",
    "SeedModule",
    "SlotShape",
    "Topology",
    "build_gate",
    "build_seed_module",
    "count_blueprint_parameters",
    "count_gate_parameters",
    "count_normalized",
    "name_algorithm",
]

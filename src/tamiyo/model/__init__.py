"""Seeds inside a host network: slots, blueprints, alpha schedules, gates, export."""

from __future__ import annotations

from tamiyo.model.alpha import AlphaSchedule, Weights, ramp_fraction
from tamiyo.model.blueprints import (
    BLUEPRINTS,
    BlueprintEntry,
    SlotShape,
    Topology,
    count_blueprint_parameters,
    count_gate_parameters,
)
from tamiyo.model.commands import CommandOutcome
from tamiyo.model.execution import Overrides
from tamiyo.model.export import (
    GROWTH_FORMAT,
    Fossil,
    GrownModule,
    detach,
    graft,
    list_fossils,
    load_export,
    save_export,
    write_atomically,
)
from tamiyo.model.host import HOST_OWNER, TamiyoModel, attach, count_trainable
from tamiyo.model.randomness import drawing_from, preserving_buffers
from tamiyo.model.seed import SeedMeasurement

__all__ = [
    "BLUEPRINTS",
    "GROWTH_FORMAT",
    "HOST_OWNER",
    "AlphaSchedule",
    "BlueprintEntry",
    "CommandOutcome",
    "Fossil",
    "GrownModule",
    "Overrides",
    "SeedMeasurement",
    "SlotShape",
    "TamiyoModel",
    "Topology",
    "Weights",
    "attach",
    "count_blueprint_parameters",
    "count_gate_parameters",
    "count_trainable",
    "detach",
    "drawing_from",
    "graft",
    "list_fossils",
    "load_export",
    "preserving_buffers",
    "ramp_fraction",
    "save_export",
    "write_atomically",
]

"""Seeds inside a host network: slots, blueprints, alpha schedules, gates, export."""

from __future__ import annotations

from tamiyo.model.alpha import AlphaSchedule, Weights
from tamiyo.model.attaching import (
    ModuleReport,
    SlotProbes,
    call_host,
    describe_host,
    propose_slots,
)
from tamiyo.model.blueprints import (
    BLUEPRINTS,
    BlueprintEntry,
    SlotShape,
    Topology,
    count_blueprint_parameters,
    count_gate_parameters,
)
from tamiyo.model.commands import CommandOutcome
from tamiyo.model.execution import Overrides, has_hooks
from tamiyo.model.export import (
    GROWTH_FORMAT,
    Fossil,
    check_exportable,
    detach,
    graft,
    list_fossils,
    load_export,
    save_export,
    write_atomically,
)
from tamiyo.model.host import HOST_OWNER, TamiyoModel, attach, count_trainable
from tamiyo.model.modules import (
    WEIGHTS_FILE,
    GrownModule,
    LearnedGate,
    SeedModule,
    SqueezeExcite,
    StandIn,
)
from tamiyo.model.randomness import drawing_from, preserving_buffers
from tamiyo.model.seed import SeedMeasurement
from tamiyo.model.tap import Site, map_names, tapping

__all__ = [
    "BLUEPRINTS",
    "GROWTH_FORMAT",
    "HOST_OWNER",
    "WEIGHTS_FILE",
    "AlphaSchedule",
    "BlueprintEntry",
    "CommandOutcome",
    "Fossil",
    "GrownModule",
    "LearnedGate",
    "ModuleReport",
    "Overrides",
    "SeedMeasurement",
    "SeedModule",
    "Site",
    "SlotProbes",
    "SlotShape",
    "SqueezeExcite",
    "StandIn",
    "TamiyoModel",
    "Topology",
    "Weights",
    "attach",
    "call_host",
    "check_exportable",
    "count_blueprint_parameters",
    "count_gate_parameters",
    "count_trainable",
    "describe_host",
    "detach",
    "drawing_from",
    "graft",
    "has_hooks",
    "list_fossils",
    "load_export",
    "map_names",
    "preserving_buffers",
    "propose_slots",
    "save_export",
    "tapping",
    "write_atomically",
]

"""Colors of a growth picture: Okabe and Ito (2008), told apart by color-blind readers too."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import SeedStage

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ACCURACY",
    "BORN",
    "CLOSING",
    "COMMITTED",
    "GRID",
    "INK",
    "KEPT",
    "LANE",
    "PARAMETERS",
    "REMOVED",
    "ROLLBACK",
    "STAGES",
    "TWIN",
]

INK: Final = "#333333"
GRID: Final = "#E6E6E6"
LANE: Final = "#F5F5F5"
CLOSING: Final = "#EFEBE3"
ACCURACY: Final = "#0072B2"
COMMITTED: Final = "#8C8C8C"
PARAMETERS: Final = "#555555"
BORN: Final = "#CC79A7"
KEPT: Final = "#009E73"
REMOVED: Final = "#000000"
ROLLBACK: Final = "#D55E00"
TWIN: Final = "#E69F00"

_CLOSED: Final = ("closed after a prune", "#A8A8A8")
STAGES: Final[Mapping[SeedStage, tuple[str, str]]] = MappingProxyType(
    {
        SeedStage.GERMINATED: ("germinated", BORN),
        SeedStage.TRAINING: ("training", "#56B4E9"),
        SeedStage.BLENDING: ("blending", "#E69F00"),
        SeedStage.HOLDING: ("holding", "#F0E442"),
        SeedStage.FOSSILIZED: ("fossilized", KEPT),
        SeedStage.PRUNED: _CLOSED,
        SeedStage.EMBARGOED: _CLOSED,
        SeedStage.RESETTING: _CLOSED,
    }
)
"""Label and color of each stage that can stand in a slot."""

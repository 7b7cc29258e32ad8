"""Where each number of an observation lies, for any number of slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tamiyo.contracts import ConfigError, Head, ObservationSpec, SlotBlock
from tamiyo.observation.features import BASE, SLOT, TELEMETRY
from tamiyo.observation.fields import Feature, ObservationField

__all__ = ["ObservationLayout", "build_layout"]

_VERSION: Final = "growth-1"
_MOST_SLOTS: Final = 4096
"""Goes up when a field changes its meaning; additions show in the sizes behind it."""


@dataclass(frozen=True, kw_only=True)
class ObservationLayout:
    """The fields of an observation: those of no slot, then slot by slot, telemetry at the end.

    Attributes:
        slots: Number of slots.
        telemetry: Whether the telemetry fields are there.
        fields: Every field, index by index.
    """

    slots: int
    telemetry: bool
    fields: tuple[ObservationField, ...]

    @property
    def size(self) -> int:
        """Number of fields."""
        return len(self.fields)

    @property
    def blocks(self) -> tuple[tuple[Feature, ...], ...]:
        """Features of the blocks that repeat for every slot."""
        return (SLOT, TELEMETRY) if self.telemetry else (SLOT,)

    @cached_property
    def spec(self) -> ObservationSpec:
        """The layout as a learner is told it."""
        offset = _count(BASE)
        blocks = []
        for features in self.blocks:
            blocks.append(SlotBlock(offset=offset, size=_count(features)))
            offset += self.slots * _count(features)
        sizes = "+".join(str(block.size) for block in blocks)
        return ObservationSpec(
            size=self.size,
            slots=self.slots,
            slot_blocks=tuple(blocks),
            slot_head=str(Head.SLOT),
            version=f"{_VERSION}/{sizes}",
        )

    def index(self, name: str) -> int:
        """Return where a field lies.

        Raises:
            ConfigError: If there is no such field.
        """
        if name not in self._indices:
            message = (
                f"name must be that of a field (`tamiyo describe observation` lists them), "
                f"got {name!r}"
            )
            raise ConfigError(message)
        return self._indices[name]

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {field.name: index for index, field in enumerate(self.fields)}


def build_layout(slots: int, *, telemetry: bool = False) -> ObservationLayout:
    """Lay out an observation.

    Args:
        slots: Number of slots, at least 1.
        telemetry: Whether each slot has the 26 telemetry fields, too.

    Returns:
        A layout of ``23 + 39 * slots`` fields, with telemetry ``26 * slots`` more.

    Raises:
        ConfigError: If there is no slot.
    """
    if not 1 <= slots <= _MOST_SLOTS:
        rule = "least 1" if slots < 1 else f"most {_MOST_SLOTS}"
        message = f"slots must be at {rule}, got {slots}"
        raise ConfigError(message)
    fields = [*_describe(BASE, "")]
    for slot in range(slots):
        fields += _describe(SLOT, f"slot{slot}.")
    for slot in range(slots if telemetry else 0):
        fields += _describe(TELEMETRY, f"slot{slot}.telemetry.")
    return ObservationLayout(slots=slots, telemetry=telemetry, fields=tuple(fields))


def _describe(features: tuple[Feature, ...], prefix: str) -> list[ObservationField]:
    return [field for feature in features for field in feature.build_fields(prefix)]


def _count(features: tuple[Feature, ...]) -> int:
    return sum(feature.size for feature in features)

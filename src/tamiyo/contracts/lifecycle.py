"""What a seed can be, become and live in: stages, operations, gates, transitions, slot ids."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamiyo.contracts.errors import ConfigError, SlotIdError, StageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ADVANCE_GATES",
    "CONTRIBUTION_MEMORY",
    "COOLDOWN_STAGES",
    "LIVE_STAGES",
    "NEXT_GATES",
    "TRANSITIONS",
    "GateLevel",
    "LifecycleConfig",
    "LifecycleOp",
    "SeedStage",
    "parse_slot_id",
    "parse_stage",
    "sort_slot_ids",
]

_SLOT_ID: Final = re.compile(r"r(0|[1-9][0-9]*)c(0|[1-9][0-9]*)", re.ASCII)


class SeedStage(IntEnum):
    """Where a seed is in its life; value 5 is retired and refused.

    A slot without a seed has no stage at all (``None``), not ``DORMANT``; ``DORMANT`` and
    ``UNKNOWN`` are the sources of the transition table and never rest in a slot.
    """

    UNKNOWN = 0
    DORMANT = 1
    GERMINATED = 2
    TRAINING = 3
    BLENDING = 4
    HOLDING = 6
    FOSSILIZED = 7
    PRUNED = 8
    EMBARGOED = 9
    RESETTING = 10


class LifecycleOp(IntEnum):
    """What a controller can ask for after an epoch."""

    WAIT = 0
    GERMINATE = 1
    SET_ALPHA_TARGET = 2
    PRUNE = 3
    FOSSILIZE = 4
    ADVANCE = 5


class GateLevel(IntEnum):
    """The checks between two stages; value 4 is retired."""

    G0 = 0
    G1 = 1
    G2 = 2
    G3 = 3
    G5 = 5


TRANSITIONS: Mapping[SeedStage, tuple[SeedStage, ...]] = MappingProxyType(
    {
        SeedStage.UNKNOWN: (SeedStage.DORMANT,),
        SeedStage.DORMANT: (SeedStage.GERMINATED,),
        SeedStage.GERMINATED: (SeedStage.TRAINING, SeedStage.PRUNED),
        SeedStage.TRAINING: (SeedStage.BLENDING, SeedStage.PRUNED),
        SeedStage.BLENDING: (SeedStage.HOLDING, SeedStage.PRUNED),
        SeedStage.HOLDING: (SeedStage.FOSSILIZED, SeedStage.BLENDING, SeedStage.PRUNED),
        SeedStage.FOSSILIZED: (),
        SeedStage.PRUNED: (SeedStage.EMBARGOED,),
        SeedStage.EMBARGOED: (SeedStage.RESETTING,),
        SeedStage.RESETTING: (SeedStage.DORMANT,),
    }
)
"""Stage to the stages that may follow it, the regular successor first."""

LIVE_STAGES = frozenset({SeedStage.BLENDING, SeedStage.HOLDING})
"""Stages whose seed changes the network's output and is not yet committed."""

COOLDOWN_STAGES = frozenset({SeedStage.PRUNED, SeedStage.EMBARGOED, SeedStage.RESETTING})
"""Stages without a seed module in which the slot may not be used again yet."""

ADVANCE_GATES: Mapping[SeedStage, GateLevel] = MappingProxyType(
    {
        SeedStage.GERMINATED: GateLevel.G1,
        SeedStage.TRAINING: GateLevel.G2,
        SeedStage.BLENDING: GateLevel.G3,
    }
)
"""Stages from which ADVANCE leads on, with the gate that must pass first."""

NEXT_GATES: Mapping[SeedStage, GateLevel] = MappingProxyType(
    {**ADVANCE_GATES, SeedStage.HOLDING: GateLevel.G5}
)
"""The same with HOLDING, from which FOSSILIZE leads on."""

CONTRIBUTION_MEMORY: Final = 0.7
"""Share of a contribution's velocity that an epoch keeps; the rest is its latest change."""


def parse_stage(value: int, *, slot_id: str, environment: int) -> SeedStage:
    """Turn a number from outside into a stage.

    Args:
        value: One of 0-4, 6-10.
        slot_id: Slot the number belongs to, for the message.
        environment: Index of the environment, for the message.

    Returns:
        The stage of that value.

    Raises:
        StageError: If the value is none of the ten; the message names slot and environment.
    """
    try:
        return SeedStage(value)
    except ValueError:
        valid = ", ".join(str(int(stage)) for stage in SeedStage)
        message = (
            f"stage of slot {slot_id} in environment {environment} must be one of {valid}, "
            f"got {value}"
        )
        raise StageError(message) from None


@dataclass(frozen=True, kw_only=True)
class LifecycleConfig:
    """Thresholds of gates, ages and clocks of a seed's life.

    Attributes:
        incubate: Whether a seed learns on a shadow loss before it is blended in.
        ramp: Whether alpha ramps over the tempo when blending begins; otherwise it starts at its
            target.
        min_training_epochs: Epochs a seed must incubate before it may blend.
        min_shadow_gain: Reduction of the control loss that incubation must have shown.
        min_gradient_health: Health a seed's gradients must have before it may blend, in [0, 1].
        min_blending_epochs: Epochs a seed must blend before it may hold.
        min_fossilize_contribution: Points a seed must contribute before it may be committed.
        contribution_errors: Standard errors by which that contribution must exceed zero.
        min_prune_age_epochs: Epochs of age before a seed may be pruned.
        embargo_epochs_after_prune: Decisions for which a slot stays closed after a prune.
    """

    incubate: bool = False
    ramp: bool = True
    min_training_epochs: int = 1
    min_shadow_gain: float = 0.0
    min_gradient_health: float = 0.5
    min_blending_epochs: int = 1
    min_fossilize_contribution: float = 1.0
    contribution_errors: float = 1.0
    min_prune_age_epochs: int = 2
    embargo_epochs_after_prune: int = 5

    def __post_init__(self) -> None:
        """Refuse negative numbers.

        Raises:
            ConfigError: If a number is below 0.
        """
        for item in fields(self):
            if not 0 <= getattr(self, item.name) < math.inf:
                message = f"{item.name} must be at least 0, got {getattr(self, item.name)}"
                raise ConfigError(message)


def parse_slot_id(slot_id: str) -> tuple[int, int]:
    """Read row and column of a slot id.

    Args:
        slot_id: Canonical form only: no sign, no leading zero, no surrounding space.

    Returns:
        ``(row, column)``, both zero-based.

    Raises:
        SlotIdError: If the id is not canonical.

    >>> parse_slot_id("r0c2")
    (0, 2)
    """
    match = _SLOT_ID.fullmatch(slot_id)
    if match is None:
        message = f"slot id must look like r0c0 (row and column, no leading zeros), got {slot_id!r}"
        raise SlotIdError(message)
    return int(match[1]), int(match[2])


def sort_slot_ids(slot_ids: Iterable[str]) -> tuple[str, ...]:
    """Sort slot ids by row, then column, and refuse duplicates.

    Raises:
        SlotIdError: If an id is not canonical, given twice, or there is none.
    """
    ordered = sorted(slot_ids, key=parse_slot_id)
    if not ordered:
        message = "slots must name at least one slot, got none"
        raise SlotIdError(message)
    for slot_id, following in pairwise(ordered):
        if slot_id == following:
            message = f"slots must be unique, got {slot_id!r} twice"
            raise SlotIdError(message)
    return tuple(ordered)

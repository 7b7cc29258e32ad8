"""Events of growth: what happened to seeds, to their slots, and to the host in an epoch."""

from __future__ import annotations

from dataclasses import dataclass

from tamiyo.contracts.decisions import AdaptationCommand, Initiator
from tamiyo.contracts.lifecycle import SeedStage
from tamiyo.contracts.reports import EpochReport, GateVerdict, HostReport, PairedDifference

__all__ = [
    "EpochCompleted",
    "GateEvaluated",
    "GovernorRolledBack",
    "SeedFossilized",
    "SeedGerminated",
    "SeedPruned",
    "StageChanged",
    "TamiyoInitiated",
]


@dataclass(frozen=True, kw_only=True)
class SeedGerminated:
    """A seed was planted.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        slot_id: The slot.
        seed_id: The seed.
        command: What was planted and how.
        parameters: Parameters it adds, its gate included.
    """

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    command: AdaptationCommand
    parameters: int


@dataclass(frozen=True, kw_only=True)
class StageChanged:
    """A slot went from one stage to the next.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        slot_id: The slot.
        seed_id: The seed, or the one that was removed.
        from_stage: The stage before; ``None`` if the slot was free.
        to_stage: The stage from now on; ``None`` if the slot is free again.
        alpha: Influence of the seed then, in [0, 1].
        epochs_in_stage: Validations the seed spent in the stage before.
    """

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    from_stage: SeedStage | None
    to_stage: SeedStage | None
    alpha: float
    epochs_in_stage: int


@dataclass(frozen=True, kw_only=True)
class GateEvaluated:
    """A gate's verdict on a seed became another one.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        slot_id: The slot.
        seed_id: The seed.
        verdict: What the gate says now, with its numbers.
    """

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    verdict: GateVerdict


@dataclass(frozen=True, kw_only=True)
class SeedFossilized:
    """A seed became part of the host.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        slot_id: The slot.
        seed_id: The seed.
        parameters: Parameters it adds, its gate included.
        alpha: Influence it is committed at, in [0, 1].
        contribution: What it was worth when that was decided; ``None`` if nobody measured.
        improvement_points: Change of control accuracy since its blending began, points; ``None`` if
            it never blended.
        reason: Why, in the controller's words.
    """

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    parameters: int
    alpha: float
    contribution: PairedDifference | None
    improvement_points: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class SeedPruned:
    """A seed was removed.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        slot_id: The slot.
        seed_id: The seed.
        parameters: Parameters it had added, its gate included.
        age_epochs: Validations since it germinated.
        contribution: What it was worth at last; ``None`` if nobody measured.
        initiator: Who asked for it.
        reason: Why.
    """

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    parameters: int
    age_epochs: int
    contribution: PairedDifference | None
    initiator: Initiator
    reason: str


@dataclass(frozen=True, kw_only=True)
class TamiyoInitiated:
    """The stabilization latch closed: from here on a rule-based controller may grow.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch after which it did.
    """

    environment: int
    epoch: int


@dataclass(frozen=True, kw_only=True)
class GovernorRolledBack:
    """Training diverged and the host went back to a healthy snapshot.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch it happened in, counted from 1.
        reason: What was seen.
        restored_epoch: The epoch the snapshot is of.
    """

    environment: int
    epoch: int
    reason: str
    restored_epoch: int


@dataclass(frozen=True, kw_only=True)
class EpochCompleted:
    """An epoch of training and its validation are over.

    Attributes:
        environment: Index of the environment.
        measured: What the epoch measured.
        host: The host with its slots after it, without the tables of what blueprints would add:
            they never change, and the start of the run or episode has them.
    """

    environment: int
    measured: EpochReport
    host: HostReport

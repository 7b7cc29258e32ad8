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
    """A seed was planted: where, what, how, and the parameters it adds."""

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    command: AdaptationCommand
    parameters: int


@dataclass(frozen=True, kw_only=True)
class StageChanged:
    """A slot went from one stage to the next; ``None`` is the free slot."""

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
    """A gate's verdict on a seed became another one."""

    environment: int
    epoch: int
    slot_id: str
    seed_id: str
    verdict: GateVerdict


@dataclass(frozen=True, kw_only=True)
class SeedFossilized:
    """A seed became part of the host, with what it was worth when that was decided."""

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
    """A seed was removed: by whom, why, and how it stood."""

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
    """The stabilization latch closed: from here on a rule-based controller may grow."""

    environment: int
    epoch: int


@dataclass(frozen=True, kw_only=True)
class GovernorRolledBack:
    """Training diverged and the host went back to a healthy snapshot."""

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

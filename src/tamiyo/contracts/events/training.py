"""Events of the training of a controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tamiyo.contracts.learning.updates import UpdateReport

__all__ = [
    "AlarmKind",
    "AlarmRaised",
    "CheckpointWritten",
    "PhasesTimed",
    "TrainingFinished",
    "TrainingStarted",
    "UpdateCompleted",
]


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """A controller begins to be trained, or goes on after a stop.

    Attributes:
        env_id: Id of the environment it learns on, as registered with Gymnasium.
        seed: Seed of the training run.
        config_hash: Hash of the effective configuration.
        num_envs: Environments in lockstep.
        total_steps: Environment steps it is to be trained for.
        steps: Environment steps made before; 0 for a new run.
        parameters: Trainable parameters of the controller.
    """

    env_id: str
    seed: int
    config_hash: str
    num_envs: int
    total_steps: int
    steps: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class UpdateCompleted:
    """A controller was updated once.

    Attributes:
        report: What the update was made from and what came of it.
    """

    report: UpdateReport


class AlarmKind(StrEnum):
    """What an alarm is about."""

    COLLAPSED_HEAD = "collapsed head"
    RATIO_JUMP = "ratio jump"
    DIVERGENCE_JUMP = "divergence jump"
    VALUE_COLLAPSE = "value collapse"
    ADVANTAGE_DRIFT = "advantage drift"
    VALUE_DRIFT = "value drift"
    THRASHING = "thrashing"


@dataclass(frozen=True, kw_only=True)
class AlarmRaised:
    """Something should worry somebody.

    Attributes:
        kind: What sort of alarm it is.
        message: What was seen, with its numbers, in one sentence.
        steps: Environment steps of the training so far.
    """

    kind: AlarmKind
    message: str
    steps: int


@dataclass(frozen=True, kw_only=True)
class CheckpointWritten:
    """Everything needed to go on is on disk.

    Attributes:
        updates: Updates made before it.
        steps: Environment steps made before it.
        size_bytes: Size of the file.
    """

    updates: int
    steps: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class PhasesTimed:
    """How long the parts of a round took: the one event two equal runs may differ in.

    Attributes:
        steps: Environment steps of the round.
        seconds: Phase to its wall-clock time; what no phase accounts for is ``other``.
    """

    steps: int
    seconds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainingFinished:
    """The training of a controller is over.

    Attributes:
        updates: Updates made.
        steps: Environment steps made.
        interrupted: True if it was stopped before its last update.
    """

    updates: int
    steps: int
    interrupted: bool

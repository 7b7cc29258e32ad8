"""One frozen record per thing that happened, the sink they go to, and their plain form.

An event never carries a time: the sink that writes it adds one, so that two equal runs write equal
events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tamiyo.contracts.decisions import AdaptationCommand, Initiator
from tamiyo.contracts.encoding import encode_record
from tamiyo.contracts.learning.updates import UpdateReport
from tamiyo.contracts.lifecycle import SeedStage
from tamiyo.contracts.reports import EpochReport, GateVerdict, HostReport, PairedDifference
from tamiyo.contracts.tasks import MetricScale

__all__ = [
    "EVENT_SCHEMA",
    "DecisionMade",
    "EpochCompleted",
    "Event",
    "EventSink",
    "GateEvaluated",
    "GovernorRolledBack",
    "LearningEvent",
    "NullSink",
    "RunFinished",
    "RunStarted",
    "SeedFossilized",
    "SeedGerminated",
    "SeedPruned",
    "StageChanged",
    "TamiyoInitiated",
    "TrainingFinished",
    "TrainingStarted",
    "TwinTrained",
    "UpdateCompleted",
    "encode_event",
]

EVENT_SCHEMA: Final = 2
"""Version of the event records; raised when a field changes its meaning."""


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """A run begins.

    Attributes:
        task: Name of the task.
        metric: What accuracies are measured in.
        controller: Name of the controller.
        seed: Seed of the run.
        epochs: Epochs it will train, the closing ones included.
        config_hash: Hash of the effective configuration.
        host: The host before anything grew.
        initial: Validation before training.
    """

    task: str
    metric: MetricScale
    controller: str
    seed: int
    epochs: int
    config_hash: str
    host: HostReport
    initial: EpochReport


@dataclass(frozen=True, kw_only=True)
class DecisionMade:
    """A controller decided.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch the decision acts in.
        command: What is to be done; replaying the commands replays the growth.
        action_valid: False if it was illegal and became WAIT.
        refusal: Why it was illegal; ``None`` if it was not.
    """

    environment: int
    epoch: int
    command: AdaptationCommand
    action_valid: bool
    refusal: str | None


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
        host: The host with its slots after it.
    """

    environment: int
    measured: EpochReport
    host: HostReport


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """A run is over.

    Attributes:
        environment: Index of the environment.
        epochs: Epochs trained.
        interrupted: True if it was stopped before its last epoch.
        control_accuracy: Accuracy of the committed network on the control split, points.
        test_accuracy: The same on the test split; ``None`` without one.
        score: ``test_accuracy`` minus rent; ``None`` without it.
        host_parameters: Trainable parameters before anything grew.
        parameters: Trainable parameters of the committed network.
        multiply_adds: Multiply-adds of all training; ``None`` where PyTorch cannot count them.
        contributions: Seed id of each fossil to what it is worth on the test split, on the control
            split where there is no other.
    """

    environment: int
    epochs: int
    interrupted: bool
    control_accuracy: float
    test_accuracy: float | None
    score: float | None
    host_parameters: int
    parameters: int
    multiply_adds: int | None
    contributions: Mapping[str, PairedDifference]


@dataclass(frozen=True, kw_only=True)
class TwinTrained:
    """The wait-only twin of a run is trained: same host, seed, data order and epochs, never grown.

    Attributes:
        environment: Index of the environment.
        control_accuracies: Accuracy on the control split before training and after each epoch,
            points.
        test_accuracy: Accuracy on the test split at the end, points; ``None`` without one.
        parameters: Its trainable parameters.
        multiply_adds: Multiply-adds of its training; ``None`` where PyTorch cannot count them.
    """

    environment: int
    control_accuracies: tuple[float, ...]
    test_accuracy: float | None
    parameters: int
    multiply_adds: int | None


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
    """A controller was updated once."""

    report: UpdateReport


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


LearningEvent = TrainingStarted | UpdateCompleted | TrainingFinished
"""What happens while a controller is trained; every other event is of one environment."""

Event = (
    RunStarted
    | DecisionMade
    | SeedGerminated
    | StageChanged
    | GateEvaluated
    | SeedFossilized
    | SeedPruned
    | TamiyoInitiated
    | GovernorRolledBack
    | EpochCompleted
    | RunFinished
    | TwinTrained
    | LearningEvent
)


class EventSink(Protocol):
    """Where events go; every producer is given one."""

    def emit(self, event: Event) -> None:
        """Take one event."""


class NullSink:
    """The sink that drops everything."""

    def emit(self, event: Event) -> None:
        """Drop the event."""


def encode_event(event: Event) -> dict[str, object]:
    """Turn an event into plain JSON values.

    Enums become their names, records objects, tuples lists; ``event`` holds the type's name.

    Args:
        event: Any event record.

    Returns:
        A dictionary that ``json.dumps`` accepts, the same for equal events.
    """
    return {"event": type(event).__name__, **encode_record(event)}

"""What a summary of a run consists of: plain frozen rows, rebuilt from events alone."""

from __future__ import annotations

from dataclasses import dataclass

from tamiyo.contracts import (
    COOLDOWN_STAGES,
    Blueprint,
    Initiator,
    LifecycleOp,
    MetricScale,
    PairedDifference,
    SeedStage,
    Style,
)

__all__ = [
    "DecisionRow",
    "EpochPoint",
    "FossilRow",
    "GerminationRow",
    "PrunedRow",
    "RollbackRow",
    "RunOutcome",
    "RunSummary",
    "SlotSpan",
    "TwinOutcome",
]


@dataclass(frozen=True, kw_only=True)
class EpochPoint:
    """One epoch of the course; epoch 0 is the validation before training.

    Attributes:
        epoch: Epochs completed.
        control_accuracy: Accuracy on the control split, points.
        committed_accuracy: The same with every uncommitted seed off.
        control_loss: Mean loss on the control split.
        train_loss: Mean loss over the training samples; ``None`` before training.
        parameters: Trainable parameters, every living seed included.
        multiply_adds: Multiply-adds of all training so far; ``None`` where nobody counted.
    """

    epoch: int
    control_accuracy: float
    committed_accuracy: float
    control_loss: float
    train_loss: float | None
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True, kw_only=True)
class SlotSpan:
    """Epochs in a row in which a slot had one seed, stage and style.

    Attributes:
        slot_id: The slot.
        seed_id: Its seed; while the slot cools down, the seed that was removed.
        blueprint: What the seed was built from.
        style: How it was composed; the new style during a cross-fade.
        stage: Its stage, or the stage of the cooldown.
        first_epoch: First epoch trained like this.
        last_epoch: Last one.
        alphas: Influence in each of these epochs, in [0, 1].
    """

    slot_id: str
    seed_id: str
    blueprint: Blueprint
    style: Style
    stage: SeedStage
    first_epoch: int
    last_epoch: int
    alphas: tuple[float, ...]

    @property
    def is_cooldown(self) -> bool:
        """Whether the slot was closed after a prune and held no seed."""
        return self.stage in COOLDOWN_STAGES


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """One decision; ``refusal`` is ``None`` unless it was illegal and became WAIT."""

    epoch: int
    op: LifecycleOp
    slot_id: str | None
    blueprint: Blueprint | None
    style: Style | None
    reason: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class GerminationRow:
    """A seed that was planted, with the parameters it adds."""

    epoch: int
    slot_id: str
    seed_id: str
    blueprint: Blueprint
    style: Style
    parameters: int


@dataclass(frozen=True, kw_only=True)
class FossilRow:
    """A seed that became part of the host and still is.

    Attributes:
        seed_id: The seed.
        slot_id: Its slot.
        blueprint: What it was built from.
        style: How it is composed.
        germinated_epoch: Epoch it was planted in.
        fossilized_epoch: Epoch it was committed in.
        parameters: Parameters it adds.
        alpha: Influence it was committed at, in [0, 1].
        committed: What it was worth on the control split when it was committed, if measured.
        final: What it is worth in the final network, on the test split or, where there is none, on
            the control split; ``None`` until the run is finished.
    """

    seed_id: str
    slot_id: str
    blueprint: Blueprint
    style: Style
    germinated_epoch: int
    fossilized_epoch: int
    parameters: int
    alpha: float
    committed: PairedDifference | None
    final: PairedDifference | None


@dataclass(frozen=True, kw_only=True)
class PrunedRow:
    """A seed that was removed: how long it lived, by whom and why."""

    seed_id: str
    slot_id: str
    blueprint: Blueprint
    germinated_epoch: int
    pruned_epoch: int
    parameters: int
    initiator: Initiator
    reason: str


@dataclass(frozen=True, kw_only=True)
class RollbackRow:
    """A return to a healthy snapshot after training diverged."""

    epoch: int
    restored_epoch: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a finished run ended.

    Attributes:
        epochs: Epochs trained.
        interrupted: True if it was stopped before its last epoch.
        control_accuracy: Accuracy of the committed network on the control split, points.
        test_accuracy: The same on the test split; ``None`` without one.
        score: ``test_accuracy`` minus rent; ``None`` without it.
        parameters: Trainable parameters of the committed network.
        multiply_adds: Multiply-adds of all training.
    """

    epochs: int
    interrupted: bool
    control_accuracy: float
    test_accuracy: float | None
    score: float | None
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True, kw_only=True)
class TwinOutcome:
    """What the same host became without growing.

    Attributes:
        control_accuracies: Accuracy on the control split before training and after each epoch,
            points.
        test_accuracy: Accuracy on the test split at the end, points; ``None`` without one.
        parameters: Its trainable parameters.
        multiply_adds: Multiply-adds of its training.
    """

    control_accuracies: tuple[float, ...]
    test_accuracy: float | None
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run as its events tell it, finished or not.

    Attributes:
        task: Name of the task.
        metric: What accuracies are measured in.
        controller: Name of the controller.
        seed: Seed of the run.
        epochs: Epochs it was to train, the closing ones included.
        config_hash: Hash of the effective configuration.
        slot_ids: The host's slots.
        host_parameters: Trainable parameters before anything grew.
        course: Every epoch, the validation before training first.
        closing_epoch: First epoch trained after the last decision; ``None`` if there is none.
        stabilized_epoch: Epoch the stabilization latch closed in; ``None`` if it did not.
        spans: What each slot held and when, in the order it began.
        decisions: Every decision, WAIT included.
        germinations: Every planted seed.
        fossils: Every seed that is part of the final network.
        pruned: Every seed that was removed.
        rollbacks: Every return to a snapshot.
        outcome: How it ended; ``None`` while it has not.
        twin: The same host without growth; ``None`` if it was not trained.
    """

    task: str
    metric: MetricScale
    controller: str
    seed: int
    epochs: int
    config_hash: str
    slot_ids: tuple[str, ...]
    host_parameters: int
    course: tuple[EpochPoint, ...]
    closing_epoch: int | None
    stabilized_epoch: int | None
    spans: tuple[SlotSpan, ...]
    decisions: tuple[DecisionRow, ...]
    germinations: tuple[GerminationRow, ...]
    fossils: tuple[FossilRow, ...]
    pruned: tuple[PrunedRow, ...]
    rollbacks: tuple[RollbackRow, ...]
    outcome: RunOutcome | None
    twin: TwinOutcome | None

    @property
    def initial(self) -> EpochPoint:
        """The validation before training."""
        return self.course[0]

    @property
    def best(self) -> EpochPoint:
        """The first epoch with the best control accuracy."""
        return max(self.course, key=lambda point: point.control_accuracy)

    @property
    def final(self) -> EpochPoint:
        """The last completed epoch."""
        return self.course[-1]

    @property
    def parameters(self) -> int:
        """Trainable parameters at the end, or now if the run has not ended."""
        return self.final.parameters if self.outcome is None else self.outcome.parameters

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds of all training so far."""
        return self.final.multiply_adds if self.outcome is None else self.outcome.multiply_adds

    def slot_spans(self, slot_id: str) -> tuple[SlotSpan, ...]:
        """Return the spans of one slot in order."""
        return tuple(span for span in self.spans if span.slot_id == slot_id)

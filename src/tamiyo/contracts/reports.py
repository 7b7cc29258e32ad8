"""Plain numbers out of models and runs: what a controller, a gate or a record may know.

``None`` always means *not measured*; a measured zero is ``0.0``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tamiyo.contracts.actions import AlphaMode, Blueprint, Style, Tempo
from tamiyo.contracts.errors import SlotIdError
from tamiyo.contracts.lifecycle import GateLevel, SeedStage

__all__ = [
    "AlphaReport",
    "ComparisonRow",
    "EpochReport",
    "GateCheck",
    "GateVerdict",
    "HostReport",
    "InteractionReport",
    "PairedDifference",
    "SeedReport",
    "SlotReport",
    "TrainingSignals",
]


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """What a seed changes on a split, unit by unit, with it minus without it.

    A unit is a sample, or a batch where a metric or a loss gives one number per batch.

    Attributes:
        points: Gain in accuracy, points; positive is better with it.
        points_error: Standard error of ``points`` over the paired units; ``None`` for a single one.
        loss: Reduction of the mean loss; positive is better with the seed.
        loss_error: Standard error of ``loss`` over the paired units; ``None`` for a single one.
    """

    points: float
    points_error: float | None
    loss: float
    loss_error: float | None


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """One condition of a gate.

    Attributes:
        name: What was checked.
        measured: The number that was compared; ``None`` if it was never measured.
        required: The smallest number that passes.
        passed: Whether it did; never true for an unmeasured number.
    """

    name: str
    measured: float | None
    required: float
    passed: bool


@dataclass(frozen=True, kw_only=True)
class GateVerdict:
    """Whether a seed may go on to its next stage, with the numbers.

    Attributes:
        gate: Which gate was asked.
        checks: Every condition of the gate.
    """

    gate: GateLevel
    checks: tuple[GateCheck, ...]

    @property
    def passed(self) -> bool:
        """True if every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class AlphaReport:
    """State of a seed's alpha schedule.

    Attributes:
        alpha: Influence now, in [0, 1]; during a cross-fade the sum of the old and the new style's.
        target: Alpha the schedule leads to or rests at, in [0, 1].
        mode: Whether it is steady or on the way.
        steps_total: Epochs of the present ramp; 0 when it never ramped.
        steps_done: Epochs of it that are over.
    """

    alpha: float
    target: float
    mode: AlphaMode
    steps_total: int
    steps_done: int


@dataclass(frozen=True, kw_only=True)
class SeedReport:
    """One living seed.

    Attributes:
        seed_id: Unique name within the run.
        blueprint: What it was built from.
        style: How it is composed; the new style during a cross-fade.
        tempo: Length of its first ramp.
        parameters: Parameters it adds, its gate included.
        age_epochs: Validations since it germinated.
        epochs_in_stage: Validations since it entered its present stage.
        alpha: Its alpha schedule.
        gate: Verdict on its next stage; ``None`` if no stage follows.
        shadow_gain: Gain at its intended alpha and style, measured while it incubates.
        contribution: Gain of having it on rather than off: dependence of the network on it.
        contribution_velocity: Smoothed change of the contribution, points per epoch.
        epochs_since_counterfactual: Validations since contribution was measured.
        improvement_points: Change of control accuracy since blending began, points.
        gradient_norm: L2 norm over its parameters on the last batch it was trained on.
        gradient_health: In [0, 1]; 1 means no parameter's gradient vanishes or explodes.
        previous_gradient_health: The same one epoch earlier. It is for the record of a run:
            observations have no field for it, and a controller with memory saw it an epoch ago.
    """

    seed_id: str
    blueprint: Blueprint
    style: Style
    tempo: Tempo
    parameters: int
    age_epochs: int
    epochs_in_stage: int
    alpha: AlphaReport
    gate: GateVerdict | None
    shadow_gain: PairedDifference | None
    contribution: PairedDifference | None
    contribution_velocity: float | None
    epochs_since_counterfactual: int | None
    improvement_points: float | None
    gradient_norm: float | None
    gradient_health: float | None
    previous_gradient_health: float | None


@dataclass(frozen=True, kw_only=True)
class SlotReport:
    """One slot, free or not.

    Attributes:
        slot_id: Its id, ``r{row}c{col}``.
        stage: Stage of its seed; ``None`` if and only if the slot is free.
        cooldown_epochs: Decisions that must still pass before it is free, 0 unless it cools down.
        seed: The living seed; ``None`` if free or cooling down.
        blueprint_parameters: Parameters each blueprint would have here; a missing one does not fit.
        gate_parameters: Parameters the learned gate of GATED_GATE adds here.
    """

    slot_id: str
    stage: SeedStage | None
    cooldown_epochs: int
    seed: SeedReport | None
    blueprint_parameters: Mapping[Blueprint, int]
    gate_parameters: int


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """A host with its slots at the moment of a decision.

    Attributes:
        environment: Index of the environment in its population.
        epoch: The epoch the next decision acts in, counted from 1.
        host_parameters: Trainable parameters of the host before anything grew.
        parameters: Trainable parameters now, every living seed included.
        max_parameters: Budget for ``parameters``; ``None`` for no budget.
        min_prune_age_epochs: Age below which a seed may not be pruned.
        slots: The slots in the order of the slot head.
    """

    environment: int
    epoch: int
    host_parameters: int
    parameters: int
    max_parameters: int | None
    min_prune_age_epochs: int
    slots: tuple[SlotReport, ...]

    @property
    def slot_ids(self) -> tuple[str, ...]:
        """Ids of the slots in the order of the slot head."""
        return tuple(slot.slot_id for slot in self.slots)

    def without_tables(self) -> HostReport:
        """Return the report with empty ``blueprint_parameters``, which never change."""
        slots = tuple(replace(slot, blueprint_parameters={}) for slot in self.slots)
        return replace(self, slots=slots)

    def slot(self, slot_id: str) -> SlotReport:
        """Return the report of one slot.

        Raises:
            SlotIdError: If there is no such slot.
        """
        for slot in self.slots:
            if slot.slot_id == slot_id:
                return slot
        message = f"slot must be one of {', '.join(self.slot_ids)}, got {slot_id!r}"
        raise SlotIdError(message)


@dataclass(frozen=True, kw_only=True)
class InteractionReport:
    """How two seeds work together, by inclusion and exclusion on the control split.

    Attributes:
        slot_ids: The two slots.
        points: accuracy(both) - accuracy(first off) - accuracy(second off) + accuracy(both off).
    """

    slot_ids: tuple[str, str]
    points: float


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch of training and its validation measured.

    Attributes:
        epoch: Epochs completed, counted from 1; 0 is the validation before training.
        global_step: Optimizer steps completed.
        train_loss: Mean loss over the training samples; ``None`` before training.
        train_accuracy: Accuracy on the training samples as they were met, points; ``None`` where
            it is not measured.
        control_loss: Mean loss on the control split.
        control_accuracy: Accuracy on the control split, points: percent right for a classifier,
            else as the task's metric scale says.
        committed_accuracy: The same with every uncommitted seed off.
        multiply_adds: Multiply-adds of all training so far: forward, backward and shadow passes;
            ``None`` where nobody counts.
        interactions: Every measured pair of seeds.
        rolled_back: Reason the governor rolled back in this epoch; ``None`` if it did not.
    """

    epoch: int
    global_step: int
    train_loss: float | None
    train_accuracy: float | None
    control_loss: float
    control_accuracy: float
    committed_accuracy: float
    multiply_adds: int | None
    interactions: tuple[InteractionReport, ...] = field(default=())
    rolled_back: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingSignals:
    """The course of training so far; ``None`` means not known yet.

    Attributes:
        epoch: Epochs completed.
        epochs_left: Epochs in which a decision can still be made.
        global_step: Optimizer steps completed.
        train_loss: Mean training loss of the epoch.
        control_loss: Mean loss on the control split.
        control_accuracy: Accuracy on the control split, points.
        loss_delta: Previous control loss minus this one; positive is better.
        accuracy_delta: This control accuracy minus the previous one, points.
        smoothed_loss: Exponential average of the control loss.
        loss_noise: Standard deviation of the control loss around its smoothed course.
        plateau_epochs: Epochs in a row without progress beyond the noise.
        is_stabilized: Sticky latch: the host has left its first steep descent.
        best_accuracy: Best control accuracy of the run, points.
        best_loss: Best control loss of the run.
        loss_history: The last five control losses, oldest first.
        accuracy_history: The last five control accuracies, oldest first.
        train_accuracy: Accuracy on the training samples as they were met, points.
        interactions: Every pair of seeds that the last epoch measured.
    """

    epoch: int
    epochs_left: int
    global_step: int
    train_loss: float | None
    control_loss: float
    control_accuracy: float
    loss_delta: float | None
    accuracy_delta: float | None
    smoothed_loss: float
    loss_noise: float | None
    plateau_epochs: int
    is_stabilized: bool
    best_accuracy: float
    best_loss: float
    loss_history: tuple[float, ...]
    accuracy_history: tuple[float, ...]
    train_accuracy: float | None = None
    interactions: tuple[InteractionReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One way to get a network, next to the others.

    Attributes:
        name: What was run: a controller, or a network that never grew.
        score: Mean over the seeds of test accuracy minus rent, points.
        difference: Interquartile mean of the paired difference in score to the reference, points.
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end of it.
        test_accuracy: Mean accuracy on the test split, points; this and the following are ``None``
            where there is no such thing, as in a bound or without a network.
        parameters: Mean trainable parameters of the committed network.
        multiply_adds: Mean multiply-adds of all training.
        epochs: Mean epochs trained.
        fossils: Median number of seeds that were committed.
    """

    name: str
    score: float
    difference: float
    low: float
    high: float
    test_accuracy: float | None
    parameters: float | None
    multiply_adds: float | None
    epochs: float | None
    fossils: float | None

"""Member: one environment of a population, with everything it owns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.contracts import (
    AdaptationCommand,
    ConfigError,
    DecisionMade,
    EpochCompleted,
    EpochReport,
    EventSink,
    GovernorRolledBack,
    HostReport,
    InvariantError,
    MetricScale,
    PairedDifference,
    SeedStream,
    TaskConfig,
    find_refusal,
    parse_stage,
)
from tamiyo.engine.counterfactual import (
    SplitResult,
    Validation,
    collect_measurements,
    measure_fossils,
    validate,
)
from tamiyo.engine.epoch import TrainingResult, train_epoch
from tamiyo.engine.governor import Governor
from tamiyo.engine.optimizers import GrowingOptimizer
from tamiyo.engine.work import WorkCounter
from tamiyo.model import (
    Fossil,
    SlotProbes,
    TamiyoModel,
    attach,
    call_host,
    drawing_from,
    list_fossils,
    preserving_buffers,
)

if TYPE_CHECKING:
    from tamiyo.engine.config import EngineConfig
    from tamiyo.engine.trainee import Trainee
    from tamiyo.tasks import TrainingData

__all__ = ["FinalResult", "Member", "StepResult"]

_ADAPTING_EPOCHS: Final = 2
"""Closing epochs that are kept free of ramps, for the host to adapt."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What one step of one environment gave.

    Attributes:
        measured: What the epoch measured.
        host: The host for the next decision.
        refusal: Why the command was refused; ``None`` if it was carried out.
    """

    measured: EpochReport
    host: HostReport
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class FinalResult:
    """The committed network, judged on the control and on the test split.

    Attributes:
        control_accuracy: Accuracy on the control split, points.
        test_accuracy: Accuracy on the test split, points; ``None`` without one.
        test_loss: Mean loss there; ``None`` without one.
        parameters: Its trainable parameters.
        contributions: Seed id of each fossil to the difference it makes on the test split, on the
            control split where there is no other.
        fossils: What was committed, in the order of the slots.
    """

    control_accuracy: float
    test_accuracy: float | None
    test_loss: float | None
    parameters: int
    contributions: Mapping[str, PairedDifference]
    fossils: tuple[Fossil, ...]


class Member:
    """One host with its slots, data order, generators, optimizer and governor.

    Args:
        config: The task.
        data: The task's data; only read, shared by all members.
        slots: Slot id to module path, or paths alone, or the probes of an equal member's model.
        build: Builds the host and its optimizer; it may draw from the global generator, which
            stands for the member's own while it runs.
        engine: How to train.
        seeds: Decides every random draw; members of one task that share it are equal until
            something grows.
        environment: Index in the population, for reports and events.
        sink: Where events go.

    Attributes:
        environment: Its index.
        data: What it is trained on.
        generators: Every generator it draws from, by purpose.
        trainee: The host and its optimizer.
        model: The host with its slots.
        optimizer: What leads the trainee's optimizer through growth.
        work: Counts multiply-adds.
        max_gradient_norm: Norm to which longer gradients are cut; ``None`` to leave them.
        initial: The report of the untrained host.

    Raises:
        ConfigError: If the host does not fit the task's classes, or alone exceeds the budget.
    """

    def __init__(
        self,
        config: TaskConfig,
        data: TrainingData,
        slots: Mapping[str, str] | Sequence[str] | SlotProbes,
        build: Callable[[], Trainee],
        *,
        engine: EngineConfig,
        seeds: SeedStream,
        environment: int,
        sink: EventSink,
    ) -> None:
        self.environment = environment
        self._config = config
        self.data = data
        self._sink = sink
        self.max_gradient_norm = engine.max_gradient_norm
        self._check_invariants = engine.check_invariants
        self.generators = {
            purpose: torch.Generator().manual_seed(seeds.derive(purpose))
            for purpose in ("host", "seeds", "data", "layers", "shadow")
        }
        with drawing_from(self.generators["host"]):
            self.trainee = build()
        self.model = attach(
            self.trainee.network,
            slots,
            data.example,
            generator=self.generators["seeds"],
            config=engine.lifecycle,
            max_parameters=engine.max_parameters,
            sink=sink,
            environment=environment,
        )
        _check_classes(self.model, data, config)
        self.optimizer = GrowingOptimizer(
            self.model, self.trainee.optimizer, seed_factor=engine.seed_learning_rate_factor
        )
        self.work = WorkCounter()
        self._governor = Governor(engine.governor, initial_loss=config.initial_loss)
        self.initial = self._report(None, self._validate(), rolled_back=None)
        self._governor.remember(self.model, epoch=0)

    @property
    def epochs_completed(self) -> int:
        """Epochs trained so far."""
        return self.model.epoch - 1

    @property
    def global_step(self) -> int:
        """Optimizer steps completed."""
        return self.optimizer.steps

    def step(self, command: AdaptationCommand | None) -> StepResult:
        """Carry out a command, let time pass, train one epoch, validate and report.

        Args:
            command: What the controller decided, an illegal one becomes WAIT; ``None`` when there
                was nothing to decide, as in the closing epochs.
        """
        refusal = self.begin_epoch(command)
        self.optimizer.sync()
        if self._check_invariants:
            self.optimizer.check_membership()
        trained = train_epoch(
            self.model,
            self.trainee.optimizer,
            self.data.train_batches(self.generators["data"]),
            objective=self.data.objective,
            layers=self.generators["layers"],
            shadow=self.generators["shadow"],
            work=self.work,
            max_gradient_norm=self.max_gradient_norm,
        )
        return self.finish_epoch(trained, self._validate(), refusal)

    def begin_epoch(self, command: AdaptationCommand | None) -> str | None:
        """Carry out a command and let time pass: the first part of :meth:`step`.

        Args:
            command: As for :meth:`step`.

        Returns:
            Why the command was refused; ``None`` if it was carried out or there was none.
        """
        refusal = None if command is None else self._apply(command)
        self.model.tick()
        self.trainee.begin_epoch(self.model.epoch)
        return refusal

    def finish_epoch(
        self, trained: TrainingResult, validation: Validation, refusal: str | None
    ) -> StepResult:
        """Judge an epoch and report it: the last part of :meth:`step`.

        A diverged epoch is rolled back and validated again.

        Args:
            trained: What training gave.
            validation: What the control split says after it.
            refusal: What :meth:`begin_epoch` returned.
        """
        measured = self._conclude(trained, validation)
        host = self.model.report()
        if self._check_invariants:
            _check_stages(host)
        told = host.without_tables()
        self._sink.emit(EpochCompleted(environment=self.environment, measured=measured, host=told))
        return StepResult(measured=measured, host=host, refusal=refusal)

    def describe_start(self) -> StepResult:
        """Describe the untrained host as if a step had led to it."""
        return StepResult(measured=self.initial, host=self.model.report(), refusal=None)

    @property
    def scale(self) -> MetricScale:
        """How the task's metric becomes points."""
        return self._config.metric

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""
        self.model.ramp_out_uncommitted(max(0, self._config.closing_epochs - _ADAPTING_EPOCHS))

    def judge(self) -> FinalResult:
        """Judge the committed network, for the final report only."""
        data = self.data
        control = measure_fossils(self.model, data.control, data.objective, self.scale)
        test = None
        if data.test is not None:
            test = measure_fossils(self.model, data.test, data.objective, self.scale)
        return self.conclude(control, test)

    def conclude(
        self,
        control: tuple[SplitResult, Mapping[str, PairedDifference]],
        test: tuple[SplitResult, Mapping[str, PairedDifference]] | None,
    ) -> FinalResult:
        """Put the final report together.

        Args:
            control: The committed network on the control split, and what each fossil is worth.
            test: The same on the test split; ``None`` without one.
        """
        judged = None if test is None else test[0]
        return FinalResult(
            control_accuracy=control[0].accuracy,
            test_accuracy=None if judged is None else judged.accuracy,
            test_loss=None if judged is None else judged.loss,
            parameters=self.model.count_parameters(committed_only=True),
            contributions=(control if test is None else test)[1],
            fossils=list_fossils(self.model),
        )

    def _apply(self, command: AdaptationCommand) -> str | None:
        before = self.model.report()
        refusal = find_refusal(before, command.to_action(before.slot_ids))
        self._sink.emit(
            DecisionMade(
                environment=self.environment,
                epoch=self.model.epoch,
                command=command,
                action_valid=refusal is None,
                refusal=refusal,
            )
        )
        outcome = self.model.apply_command(command)
        if outcome.refusal != refusal:
            message = f"mask and execution must agree, got {refusal!r} and {outcome}"
            raise InvariantError(message)
        return refusal

    def _conclude(self, trained: TrainingResult, validation: Validation) -> EpochReport:
        reason = self._find_divergence(trained, validation)
        if reason is not None:
            self._roll_back(reason)
            validation = self._validate()
        else:
            self._governor.remember(self.model, epoch=self.model.epoch)
        self.model.finish_epoch(
            collect_measurements(trained.gradients, validation),
            control_accuracy=validation.main.accuracy,
        )
        self.trainee.finish_epoch(validation.main.loss)
        return self._report(trained, validation, rolled_back=reason)

    def _validate(self) -> Validation:
        return validate(self.model, self.data.control, self.data.objective, self._config.metric)

    def _find_divergence(self, trained: TrainingResult, validation: Validation) -> str | None:
        accuracy = validation.main.accuracy
        if not math.isfinite(accuracy):
            return f"{self._config.metric.name} is not finite ({accuracy})"
        return self._governor.judge(validation.main.loss, trained.loss)

    def _roll_back(self, reason: str) -> None:
        restored = self._governor.roll_back(self.model, reason=reason)
        self.optimizer.sync()
        self.optimizer.clear_state()
        self._sink.emit(
            GovernorRolledBack(
                environment=self.environment,
                epoch=self.model.epoch,
                reason=reason,
                restored_epoch=restored,
            )
        )

    def _report(
        self, trained: TrainingResult | None, validation: Validation, *, rolled_back: str | None
    ) -> EpochReport:
        value = None if trained is None else trained.value
        return EpochReport(
            epoch=self.epochs_completed,
            global_step=self.global_step,
            train_loss=None if trained is None else trained.loss,
            train_accuracy=None if value is None else self._config.metric.to_points(value),
            control_loss=validation.main.loss,
            control_accuracy=validation.main.accuracy,
            committed_accuracy=validation.committed.accuracy,
            multiply_adds=self.work.total,
            interactions=validation.interactions,
            rolled_back=rolled_back,
        )


def _check_stages(host: HostReport) -> None:
    """Refuse a report whose stages are not among the ten valid ones."""
    for slot in host.slots:
        if slot.stage is not None:
            parse_stage(slot.stage, slot_id=slot.slot_id, environment=host.environment)


def _check_classes(model: TamiyoModel, data: TrainingData, config: TaskConfig) -> None:
    """Refuse a host whose outputs are not one per class for every target of the task.

    Raises:
        ConfigError: If they are not.
    """
    if config.num_classes is None:
        return
    inputs, targets = next(iter(data.control))
    with torch.no_grad(), preserving_buffers(model), drawing_from(torch.Generator()):
        outputs = call_host(model, inputs)
    expected = [*targets.shape, config.num_classes]
    found = list(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if found != expected:
        message = (
            f"outputs of the host must be {expected} for the {config.num_classes} classes of task "
            f"{config.name}, got {found}"
        )
        raise ConfigError(message)

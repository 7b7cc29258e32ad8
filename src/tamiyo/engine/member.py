"""Member: one environment of a population, with everything it owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from tamiyo.contracts import (
    AdaptationCommand,
    ConfigError,
    DecisionMade,
    EpochCompleted,
    EpochReport,
    EventSink,
    GovernorRolledBack,
    HostReport,
    Initiator,
    InvariantError,
    PairedDifference,
    TaskConfig,
    derive_seed,
    find_refusal,
    parse_stage,
)
from tamiyo.engine.counterfactual import Validation, measure_fossils, validate
from tamiyo.engine.epoch import TrainingResult, train_epoch
from tamiyo.engine.governor import Governor
from tamiyo.engine.optimizers import GrowingOptimizer
from tamiyo.engine.work import WorkCounter
from tamiyo.model import (
    SeedMeasurement,
    TamiyoModel,
    attach,
    drawing_from,
    preserving_buffers,
)

if TYPE_CHECKING:
    from tamiyo.engine.config import EngineConfig
    from tamiyo.tasks import TaskData

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
    """The committed network, judged on the test split.

    Attributes:
        test_accuracy: Percent right.
        test_loss: Mean loss, nats.
        parameters: Its trainable parameters.
        contributions: Seed id of each fossil to the difference it makes on the test split.
    """

    test_accuracy: float
    test_loss: float
    parameters: int
    contributions: Mapping[str, PairedDifference]


class Member:
    """One host with its slots, data order, generators, optimizer and governor.

    Args:
        config: The task.
        data: The task's data; only read, shared by all members.
        slots: Slot id to module path.
        build_network: Builds the host; it may draw from the global generator, which stands for the
            member's own while it runs.
        engine: How to train.
        run_seed: Seed of the run.
        environment: Index in the population; with ``run_seed`` it decides every random draw.
        sink: Where events go.

    Raises:
        ConfigError: If the host does not fit the task's classes, or alone exceeds the budget.
    """

    def __init__(
        self,
        config: TaskConfig,
        data: TaskData,
        slots: Mapping[str, str],
        build_network: Callable[[], nn.Module],
        *,
        engine: EngineConfig,
        run_seed: int,
        environment: int,
        sink: EventSink,
    ) -> None:
        self.environment = environment
        self._config = config
        self._data = data
        self._sink = sink
        self._check_invariants = engine.check_invariants
        self._generators = {
            purpose: torch.Generator().manual_seed(derive_seed(run_seed, environment, purpose))
            for purpose in ("host", "seeds", "data", "layers", "shadow")
        }
        with drawing_from(self._generators["host"]):
            host = build_network()
        self.model = attach(
            host,
            slots,
            data.example,
            generator=self._generators["seeds"],
            config=engine.lifecycle,
            max_parameters=engine.max_parameters,
            sink=sink,
            environment=environment,
        )
        _check_classes(self.model, data, config)
        self.optimizer = GrowingOptimizer(
            self.model,
            learning_rate=config.learning_rate,
            seed_factor=engine.seed_learning_rate_factor,
        )
        self.work = WorkCounter()
        self.global_step = 0
        self._governor = Governor(engine.governor, initial_loss=config.initial_loss)
        self.initial = self._report(None, self._validate(), rolled_back=None)
        self._governor.remember(self.model, epoch=0)

    @property
    def epochs_completed(self) -> int:
        """Epochs trained so far."""
        return self.model.epoch - 1

    def step(self, command: AdaptationCommand | None) -> StepResult:
        """Carry out a command, let time pass, train one epoch, validate and report.

        Args:
            command: What the controller decided, an illegal one becomes WAIT; ``None`` when there
                was nothing to decide, as in the closing epochs.
        """
        refusal = None if command is None else self._apply(command)
        self.model.tick()
        measured = self._train_and_validate()
        host = self.model.report()
        if self._check_invariants:
            _check_stages(host)
        self._sink.emit(EpochCompleted(environment=self.environment, measured=measured, host=host))
        return StepResult(measured=measured, host=host, refusal=refusal)

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""
        self.model.ramp_out_uncommitted(
            max(0, self._config.closing_epochs - _ADAPTING_EPOCHS),
            initiator=Initiator.CLOSING,
            reason="not committed by the last decision",
        )

    def judge(self) -> FinalResult:
        """Judge the committed network on the test split; for the final report only."""
        split = self._data.test
        committed, contributions = measure_fossils(self.model, split.inputs, split.targets)
        return FinalResult(
            test_accuracy=committed.accuracy,
            test_loss=committed.loss,
            parameters=self.model.count_parameters(committed_only=True),
            contributions=contributions,
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

    def _train_and_validate(self) -> EpochReport:
        self._sync_optimizer()
        trained = train_epoch(
            self.model,
            self.optimizer,
            self._data.train_batches(self._generators["data"]),
            layers=self._generators["layers"],
            shadow=self._generators["shadow"],
            work=self.work,
        )
        self.global_step += trained.steps
        validation = self._validate()
        reason = self._governor.judge(validation.main.loss, trained.loss)
        if reason is not None:
            self._roll_back(reason)
            validation = self._validate()
        else:
            self._governor.remember(self.model, epoch=self.model.epoch)
        self.model.finish_epoch(
            _collect_measurements(trained, validation), control_accuracy=validation.main.accuracy
        )
        return self._report(trained, validation, rolled_back=reason)

    def _sync_optimizer(self) -> None:
        self.optimizer.sync()
        self.optimizer.set_learning_rate(self._config.learning_rate_at(self.model.epoch))
        if self._check_invariants:
            self.optimizer.check_membership()

    def _validate(self) -> Validation:
        return validate(self.model, self._data.control.inputs, self._data.control.targets)

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
        return EpochReport(
            epoch=self.epochs_completed,
            global_step=self.global_step,
            train_loss=None if trained is None else trained.loss,
            train_accuracy=None if trained is None else trained.accuracy,
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


def _check_classes(model: TamiyoModel, data: TaskData, config: TaskConfig) -> None:
    """Refuse a host whose outputs are not one per class of the task.

    Raises:
        ConfigError: If they are not.
    """
    with torch.no_grad(), preserving_buffers(model), drawing_from(torch.Generator()):
        outputs = model(data.example)
    expected = [len(data.example), config.num_classes]
    if list(outputs.shape) != expected:
        message = (
            f"outputs of the host must be {expected} for the {config.num_classes} classes of task "
            f"{config.name}, got {list(outputs.shape)}"
        )
        raise ConfigError(message)


def _collect_measurements(
    trained: TrainingResult, validation: Validation
) -> dict[str, SeedMeasurement]:
    slot_ids = {*trained.gradients, *validation.contributions, *validation.shadow_gains}
    return {
        slot_id: SeedMeasurement(
            contribution=validation.contributions.get(slot_id),
            shadow_gain=validation.shadow_gains.get(slot_id),
            gradient_norm=getattr(trained.gradients.get(slot_id), "norm", None),
            gradient_health=getattr(trained.gradients.get(slot_id), "health", None),
        )
        for slot_id in slot_ids
    }

"""One episode: a controller grows one host, from its first epoch to the test split.

What it does is here, when it does it in :mod:`tamiyo.recipes.lockstep`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AdaptationCommand,
    EventSink,
    PairedDifference,
    RunFinished,
    RunStarted,
    SeedStream,
    TamiyoInitiated,
    TaskConfig,
    check_initial_loss,
    compute_score,
    derive_seed,
)
from tamiyo.controller import (
    Controller,
    ScheduleController,
    SignalTracker,
    check_schedule,
)
from tamiyo.engine import FinalResult, Member, StepResult, Trainee, build_task_trainee
from tamiyo.model import Fossil, SlotProbes
from tamiyo.recipes.config import RunConfig, hash_config, is_debugging
from tamiyo.recipes.evidence import EvidenceGatherer, EvidenceSink, ExplainedController
from tamiyo.recipes.learned_controller import build_run_controller
from tamiyo.tasks import Task, TrainingData, build_host

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Episode", "EpisodeOutcome", "EpisodeResult", "build_task_episode"]


@dataclass(frozen=True, kw_only=True)
class EpisodeResult:
    """What came out of an episode.

    Attributes:
        score: Test accuracy minus rent, points; ``None`` without a test split.
        test_accuracy: Accuracy of the committed network on the test split, points; ``None`` without
            one.
        control_accuracy: Accuracy of the committed network on the control split, points.
        parameters: Trainable parameters of the committed network.
        multiply_adds: Multiply-adds of all training; ``None`` where PyTorch cannot count them.
        epochs: Epochs trained.
        contributions: Seed id of each fossil to what it is worth on the test split, on the control
            split where there is no other.
    """

    score: float | None
    test_accuracy: float | None
    control_accuracy: float
    parameters: int
    multiply_adds: int | None
    epochs: int
    contributions: Mapping[str, PairedDifference]


@dataclass(frozen=True, kw_only=True)
class EpisodeOutcome:
    """How an episode ended.

    Attributes:
        result: What came out of it.
        fossils: What was committed, in the order of the slots.
    """

    result: EpisodeResult
    fossils: tuple[Fossil, ...]


class Episode:
    """One controller on one host; a :class:`Lockstep` runs it.

    Args:
        config: Everything that decides the run.
        task: What the host is trained for.
        data: The data.
        slots: Slot id to module path, or paths alone, or the probes of an equal host's model.
        build: Builds the host and its optimizer.
        sink: Where events go.
        environment: Index of the environment; it decides every random draw with the run's seed.
        controller: Who decides; built from the configuration if not given.

    Attributes:
        config: Everything that decides the run.
        task: What the host is trained for.
        member: The host with all it owns.

    Raises:
        ConfigError: If the controller is unknown, its schedule does not fit the host, the host
            alone exceeds the budget, or the untrained network's loss contradicts the task.
    """

    def __init__(
        self,
        config: RunConfig,
        task: TaskConfig,
        data: TrainingData,
        slots: Mapping[str, str] | Sequence[str] | SlotProbes,
        build: Callable[[], Trainee],
        *,
        sink: EventSink,
        environment: int = 0,
        controller: Controller | None = None,
    ) -> None:
        self.config = config
        self.task = task
        self._sink = EvidenceSink(sink)
        engine = config.engine
        if is_debugging():
            engine = replace(engine, check_invariants=True)
        self.member = Member(
            task,
            data,
            slots,
            build,
            engine=engine,
            seeds=SeedStream(run_seed=config.seed, stream=environment),
            environment=environment,
            sink=self._sink,
        )
        check_initial_loss(task, self.member.initial.control_loss)
        self._last = self.member.describe_start()
        self._controller = controller or build_run_controller(
            config.controller,
            config.control,
            task,
            slot_ids=self._last.host.slot_ids,
            seed=derive_seed(config.seed, environment, "controller"),
        )
        if isinstance(self._controller, ScheduleController):
            check_schedule(
                self._controller.schedule,
                self._last.host,
                decision_epochs=task.decision_epochs,
            )
        self._tracker = SignalTracker(config.tracker, decision_epochs=task.decision_epochs)
        self._gatherer = EvidenceGatherer(task, self._last.host.slot_ids)

    def begin(self, start: StepResult) -> None:
        """Announce the run.

        Args:
            start: The untrained host.
        """
        self._sink.emit(
            RunStarted(
                task=self.task.name,
                metric=self.task.metric,
                controller=self._controller.name,
                seed=self.config.seed,
                epochs=self.task.max_epochs,
                config_hash=hash_config(self.config, self.task),
                host=start.host,
                initial=start.measured,
            )
        )
        self._take(start)

    def decide(self, epoch: int) -> AdaptationCommand | None:
        """Decide what to do in an epoch; ``None`` in the closing ones, where nothing is decided.

        Args:
            epoch: The epoch, counted from 1.
        """
        if epoch > self.task.decision_epochs:
            return None
        signals, host = self._tracker.peek(), self._last.host
        decision = self._controller.decide(signals, host)
        if isinstance(self._controller, ExplainedController):
            self._sink.expect(self._controller.evidence)
        else:
            self._sink.expect(self._gatherer.gather(signals, host))
        return decision.to_command()

    def observe(self, result: StepResult) -> None:
        """Take in what an epoch gave."""
        self._take(result)
        if self._tracker.just_stabilized:
            environment, epoch = result.host.environment, result.measured.epoch
            self._sink.emit(TamiyoInitiated(environment=environment, epoch=epoch))

    def finish(self, final: FinalResult, *, interrupted: bool) -> EpisodeOutcome:
        """Record how the run ended.

        Args:
            final: How the committed network was judged.
            interrupted: Whether it ended before its last epoch.
        """
        measured, host = self._last.measured, self._last.host
        score = None
        if final.test_accuracy is not None:
            score = compute_score(
                final.test_accuracy,
                parameters=final.parameters,
                host_parameters=host.host_parameters,
                rent_points=self.task.rent_points,
            )
        result = EpisodeResult(
            score=score,
            test_accuracy=final.test_accuracy,
            control_accuracy=final.control_accuracy,
            parameters=final.parameters,
            multiply_adds=measured.multiply_adds,
            epochs=measured.epoch,
            contributions=final.contributions,
        )
        self._sink.emit(
            RunFinished(
                environment=host.environment,
                interrupted=interrupted,
                host_parameters=host.host_parameters,
                **vars(result),
            )
        )
        return EpisodeOutcome(result=result, fossils=final.fossils)

    def _take(self, result: StepResult) -> None:
        self._last = result
        self._tracker.update(result.measured)


def build_task_episode(
    config: RunConfig,
    task: Task,
    data: TrainingData,
    *,
    sink: EventSink,
    build_network: Callable[[], nn.Module] | None = None,
    probes: SlotProbes | None = None,
    controller: Controller | None = None,
) -> Episode:
    """Build the episode of a run on a registered task.

    Args:
        config: Everything that decides the run.
        task: The task as this run has it.
        data: Its data.
        sink: Where events go.
        build_network: Builds the host; the task's own if not given.
        probes: What is known of the slots of an equal host; found out by trial passes if not given.
        controller: Who decides; built from the configuration if not given.

    Raises:
        ConfigError: As :class:`Episode` does.
    """

    def build() -> Trainee:
        network = build_host(task.host) if build_network is None else build_network()
        return build_task_trainee(network, task.config)

    return Episode(
        config, task.config, data, probes or task.slots, build, sink=sink, controller=controller
    )

"""One episode: a controller grows one host, from its first epoch to the test split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AdaptationCommand,
    EventSink,
    HostReport,
    PairedDifference,
    RunFinished,
    RunStarted,
    TamiyoInitiated,
    TaskConfig,
    check_initial_loss,
    derive_seed,
)
from tamiyo.controller import (
    Controller,
    ScheduleController,
    SignalTracker,
    build_controller,
    check_schedule,
)
from tamiyo.engine import Member, Trainee, build_task_trainee
from tamiyo.recipes.config import RunConfig, hash_config, is_debugging
from tamiyo.tasks import Task, TaskData, TrainingData, build_host

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Episode", "EpisodeResult", "build_task_episode", "compute_score"]


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


def compute_score(
    accuracy: float, *, parameters: int, host_parameters: int, rent_points: float
) -> float:
    """Compute ``accuracy - rent * ln(parameters / host_parameters)``, points."""
    return accuracy - rent_points * math.log(parameters / host_parameters)


class Episode:
    """Runs one controller on one host.

    Args:
        config: Everything that decides the run.
        task: What the host is trained for.
        data: The data.
        slots: Slot id to module path, or paths alone.
        build: Builds the host and its optimizer.
        sink: Where events go.
        environment: Index of the environment; it decides every random draw with the run's seed.
        controller: Who decides; built from the configuration if not given.

    Raises:
        ConfigError: If the controller is unknown, its schedule does not fit the host, the host
            alone exceeds the budget, or the untrained network's loss contradicts the task.
    """

    def __init__(
        self,
        config: RunConfig,
        task: TaskConfig,
        data: TrainingData,
        slots: Mapping[str, str] | Sequence[str],
        build: Callable[[], Trainee],
        *,
        sink: EventSink,
        environment: int = 0,
        controller: Controller | None = None,
    ) -> None:
        self._config = config
        self._task = task
        self._sink = sink
        engine = config.engine
        if is_debugging():
            engine = replace(engine, check_invariants=True)
        self.member = Member(
            task,
            data,
            slots,
            build,
            engine=engine,
            run_seed=config.seed,
            environment=environment,
            sink=sink,
        )
        check_initial_loss(task, self.member.initial.control_loss)
        self._controller = controller or build_controller(
            config.controller,
            config.control,
            derive_seed(config.seed, environment, "controller"),
        )
        if isinstance(self._controller, ScheduleController):
            check_schedule(
                self._controller.schedule,
                self.member.model.report(),
                decision_epochs=task.decision_epochs,
            )
        self._tracker = SignalTracker(config.tracker, decision_epochs=task.decision_epochs)

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> EpisodeResult:
        """Train to the last epoch, or until told to stop, and judge the committed network.

        Args:
            should_stop: Asked after every epoch; true ends the episode there.
        """
        member, task = self.member, self._task
        host = member.model.report()
        self._announce(host)
        self._tracker.update(member.initial)
        interrupted = False
        for epoch in range(1, task.max_epochs + 1):
            if epoch == task.decision_epochs + 1:
                member.begin_closing()
            command = self._decide(host) if epoch <= task.decision_epochs else None
            result = member.step(command)
            host = result.host
            self._tracker.update(result.measured)
            if self._tracker.just_stabilized:
                self._sink.emit(TamiyoInitiated(environment=member.environment, epoch=epoch))
            if should_stop() and epoch < task.max_epochs:
                interrupted = True
                break
        return self._finish(interrupted=interrupted)

    def _announce(self, host: HostReport) -> None:
        self._sink.emit(
            RunStarted(
                task=self._task.name,
                metric=self._task.metric,
                controller=self._controller.name,
                seed=self._config.seed,
                epochs=self._task.max_epochs,
                config_hash=hash_config(self._config, self._task),
                host=host,
                initial=self.member.initial,
            )
        )

    def _decide(self, host: HostReport) -> AdaptationCommand:
        return self._controller.decide(self._tracker.peek(), host).to_command()

    def _finish(self, *, interrupted: bool) -> EpisodeResult:
        member = self.member
        final = member.judge()
        score = None
        if final.test_accuracy is not None:
            score = compute_score(
                final.test_accuracy,
                parameters=final.parameters,
                host_parameters=member.model.host_parameters,
                rent_points=self._task.rent_points,
            )
        self._sink.emit(
            RunFinished(
                environment=member.environment,
                epochs=member.epochs_completed,
                interrupted=interrupted,
                control_accuracy=final.control_accuracy,
                test_accuracy=final.test_accuracy,
                score=score,
                host_parameters=member.model.host_parameters,
                parameters=final.parameters,
                multiply_adds=member.work.total,
                contributions=final.contributions,
            )
        )
        return EpisodeResult(
            score=score,
            test_accuracy=final.test_accuracy,
            control_accuracy=final.control_accuracy,
            parameters=final.parameters,
            multiply_adds=member.work.total,
            epochs=member.epochs_completed,
            contributions=final.contributions,
        )


def build_task_episode(
    config: RunConfig,
    task: Task,
    data: TaskData,
    *,
    sink: EventSink,
    build_network: Callable[[], nn.Module] | None = None,
) -> Episode:
    """Build the episode of a run on a registered task.

    Args:
        config: Everything that decides the run.
        task: The task as this run has it.
        data: Its data.
        sink: Where events go.
        build_network: Builds the host; the task's own if not given.

    Raises:
        ConfigError: As :class:`Episode` does.
    """

    def build() -> Trainee:
        network = build_host(task.host) if build_network is None else build_network()
        return build_task_trainee(network, task.config)

    return Episode(config, task.config, data, task.slots, build, sink=sink)

"""Prepare a run on a model of the user's own: measure what a registered task says of itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from tamiyo.contracts import ConfigError, InvariantError, TaskConfig, encode_value
from tamiyo.controller import WAIT_ONLY, Controller, ControllerConfig, TrackerConfig
from tamiyo.engine import EngineConfig, LoaderData, Trainee, choose_scale, judge_network
from tamiyo.model import attach, check_exportable, propose_slots
from tamiyo.recipes.config import RunConfig, encode_config
from tamiyo.recipes.episode import Episode
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.tasks import build_objective

if TYPE_CHECKING:
    from tamiyo.contracts import EventSink
    from tamiyo.tasks import Batches, Judgement

__all__ = [
    "BuildOptimizer",
    "BuildScheduler",
    "GrowSettings",
    "OwnRun",
    "build_own_config",
    "build_own_trainee",
    "choose_slots",
    "copy_before_training",
    "describe_own_task",
    "load_own_data",
]

BuildOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Builds an optimizer from parameters: ``functools.partial(torch.optim.SGD, lr=0.1)``."""

BuildScheduler = Callable[[Optimizer], LRScheduler]
"""Builds a learning-rate scheduler from an optimizer."""


@dataclass(frozen=True, kw_only=True)
class GrowSettings:
    """What is rarely changed about growing a model of one's own.

    Attributes:
        closing_epochs: Epochs at the end in which nothing is decided and uncommitted seeds ramp
            out.
        engine: How seeds are trained and judged; ``max_parameters`` is an argument of its own.
        tracker: How the course of training is read.
        control: Settings of the controllers.
    """

    closing_epochs: int = 5
    engine: EngineConfig = field(default_factory=EngineConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    control: ControllerConfig = field(default_factory=ControllerConfig)


@dataclass(frozen=True, kw_only=True)
class OwnRun:
    """Everything a run on a model of the user's own consists of, nothing trained yet.

    Attributes:
        config: Everything that decides the run, as of any run.
        task: What a registered task would say of itself.
        data: The user's batches.
        slots: Slot id to module path, or paths alone.
        build: Brings the model together with what trains it.
        build_twin: Does so for a copy of the model, if there is to be a twin.
    """

    config: RunConfig
    task: TaskConfig
    data: LoaderData
    slots: Mapping[str, str] | Sequence[str]
    build: Callable[[], Trainee]
    build_twin: Callable[[], Trainee] | None

    def encode(self) -> dict[str, object]:
        """Return the effective configuration as plain JSON values."""
        return {**encode_config(self.config, self.task), "slots": encode_value(self.slots)}

    def begin(self, *, sink: EventSink, controller: Controller | None) -> Lockstep:
        """Build the episode, which runs alone, and the controller unless one is given.

        Raises:
            ConfigError: As :class:`Episode` and :class:`Lockstep` do.
        """
        episode = Episode(
            self.config,
            self.task,
            self.data,
            self.slots,
            self.build,
            sink=sink,
            controller=controller,
        )
        try:
            return Lockstep([episode])
        except ConfigError:
            episode.member.optimizer.release()
            raise

    def begin_twin(self, *, sink: EventSink) -> Episode:
        """Build the episode of the twin.

        Raises:
            InvariantError: If there is to be none.
        """
        if self.build_twin is None:
            message = "a twin must have been asked for before training, got no copy of the model"
            raise InvariantError(message)
        config = replace(self.config, controller=WAIT_ONLY)
        return Episode(config, self.task, self.data, self.slots, self.build_twin, sink=sink)


def load_own_data(
    train: Batches,
    control: Batches,
    test: Batches | None,
    loss: Judgement,
    metric: Judgement | None,
) -> LoaderData:
    """Bring the user's batches together with what outputs are judged by."""
    return LoaderData(train, control, test, build_objective(loss, metric))


def choose_slots(
    model: nn.Module, slots: Mapping[str, str] | Sequence[str] | None, data: LoaderData
) -> Mapping[str, str] | Sequence[str]:
    """Return the slots that were named, or propose some where none were.

    Raises:
        ConfigError: If the model cannot be grown there, as :func:`tamiyo.attach` says.
        ArtifactError: If what has grown could not be exported.
    """
    chosen = propose_slots(model, data.example) if slots is None else slots
    # Refused here, before the model is run on anything else.
    attach(model, chosen, data.example)
    check_exportable(model)
    return chosen


def describe_own_task(
    model: nn.Module,
    data: LoaderData,
    epochs: int,
    settings: GrowSettings,
    *,
    higher_is_better: bool,
) -> TaskConfig:
    """Measure what a registered task would say about itself.

    Args:
        model: The untrained model.
        data: Its data.
        epochs: Epochs to train, the closing ones included.
        settings: How many of them close the run.
        higher_is_better: Whether larger values of the metric are better.

    Raises:
        ConfigError: If the loss of the untrained model is no positive number, or loss, metric or
            epochs cannot be used.
    """
    if not isinstance(epochs, int):
        message = f"epochs must be a whole number, got {epochs!r}"
        raise ConfigError(message)
    values, losses = judge_network(model, data.control, data.objective)
    if data.first_of_test is not None:  # refused now rather than after training
        judge_network(model, [data.first_of_test], data.objective)
    initial_loss = losses.mean
    if not 0 < initial_loss < math.inf:
        message = (
            "loss on control must be a positive finite number before training, "
            f"got {initial_loss:.4g}"
        )
        raise ConfigError(message)
    return TaskConfig(
        name=type(model).__name__,
        num_classes=None,
        initial_loss=initial_loss,
        target_loss=0.0,
        max_epochs=epochs,
        closing_epochs=settings.closing_epochs,
        batches_per_epoch=None,
        batch_size=None,
        learning_rate=None,
        final_learning_rate_fraction=1.0,
        rent_points=0.0,
        metric=choose_scale(data.objective, values, higher_is_better=higher_is_better),
    )


def build_own_config(
    task: TaskConfig,
    controller: str | Controller,
    seed: int,
    max_parameters: int | None,
    settings: GrowSettings,
) -> RunConfig:
    """Bring everything that decides the run into the record every run has.

    Args:
        task: The task as it was measured.
        controller: Name of a controller, or one.
        seed: Seed of the run.
        max_parameters: Budget; the settings' own if not given.
        settings: What is rarely changed.

    Raises:
        ConfigError: If the controller is neither, or a number is refused.
    """
    if not isinstance(controller, str) and not callable(getattr(controller, "decide", None)):
        message = (
            f"controller must be a name or have a name and a decide method, got {controller!r}"
        )
        raise ConfigError(message)
    engine = settings.engine
    if max_parameters is not None:
        engine = replace(engine, max_parameters=max_parameters)
    return RunConfig(
        task=task.name,
        controller=controller if isinstance(controller, str) else controller.name,
        seed=seed,
        epochs=task.max_epochs,
        engine=engine,
        tracker=settings.tracker,
        control=settings.control,
    )


def build_own_trainee(
    model: nn.Module,
    optimizer: Optimizer | BuildOptimizer,
    scheduler: LRScheduler | BuildScheduler | None,
) -> Trainee:
    """Bring a model together with what trains it, built now where it is not yet.

    Args:
        model: The model.
        optimizer: Its optimizer, or what builds one.
        scheduler: Its scheduler, or what builds one; stepped after every epoch.

    Raises:
        ConfigError: If one of them is neither, or the scheduler is another optimizer's.
    """
    if not isinstance(optimizer, Optimizer):
        given: object = optimizer
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = optimizer(parameters) if callable(optimizer) else optimizer
        _check_kind("optimizer", optimizer, given, Optimizer)
    if scheduler is None:
        return Trainee(network=model, optimizer=optimizer)
    if not isinstance(scheduler, LRScheduler):
        given = scheduler
        scheduler = scheduler(optimizer) if callable(scheduler) else scheduler
        _check_kind("scheduler", scheduler, given, LRScheduler)
    if scheduler.optimizer is not optimizer:
        message = (
            "scheduler must be of the optimizer that trains the model, got one of another "
            f"{type(scheduler.optimizer).__name__}: give what builds it, or both of them"
        )
        raise ConfigError(message)
    stepped = scheduler

    def finish_epoch(control_loss: float) -> None:
        if isinstance(stepped, ReduceLROnPlateau):
            stepped.step(control_loss)
        else:
            stepped.step()

    return Trainee(network=model, optimizer=optimizer, finish_epoch=finish_epoch)


def copy_before_training(
    model: nn.Module,
    optimizer: Optimizer | BuildOptimizer,
    scheduler: LRScheduler | BuildScheduler | None,
) -> Callable[[], Trainee]:
    """Copy the model before it is trained, for a twin.

    Args:
        model: The model.
        optimizer: What builds its optimizer.
        scheduler: What builds its scheduler, if it has one.

    Returns:
        What builds the twin's network and optimizer.

    Raises:
        ConfigError: If optimizer or scheduler are bound to the model already.
    """
    for name, given in (("optimizer", optimizer), ("scheduler", scheduler)):
        if isinstance(given, Optimizer | LRScheduler):
            message = (
                f"{name} must be what builds one where twin is true, for example "
                f"functools.partial(torch.optim.SGD, lr=0.1), got {type(given).__name__}, which "
                "belongs to one model"
            )
            raise ConfigError(message)
    return partial(build_own_trainee, copy.deepcopy(model), optimizer, scheduler)


def _check_kind(name: str, built: object, given: object, kind: type) -> None:
    """Refuse what is not of its kind and did not build one.

    Raises:
        ConfigError: If it is not.
    """
    if not isinstance(built, kind):
        message = (
            f"{name} must be a PyTorch {kind.__name__} or a function that builds one, "
            f"got {given!r}" + (f" that built {built!r}" if callable(given) else "")
        )
        raise ConfigError(message)

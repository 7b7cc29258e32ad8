"""Populations: many environments in lockstep behind one interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tamiyo.engine.member import FinalResult, Member, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tamiyo.contracts import AdaptationCommand, EventSink, TaskConfig
    from tamiyo.engine.config import EngineConfig
    from tamiyo.engine.trainee import Trainee
    from tamiyo.tasks import TrainingData

__all__ = ["Population", "SequentialPopulation"]


class Population(Protocol):
    """What every executor offers; environment e gives the same bytes whatever runs beside it."""

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""


class SequentialPopulation:
    """Trains one environment after the other.

    It works for every host and is the oracle of faster executors.

    Args:
        config: The task.
        data: The task's data, shared by all environments.
        slots: Slot id to module path, or paths alone.
        build: Builds one host and its optimizer.
        engine: How to train.
        run_seed: Seed of the run.
        environments: Indices of the environments; with ``run_seed`` they decide every random draw.
        sink: Where events go.
    """

    def __init__(
        self,
        config: TaskConfig,
        data: TrainingData,
        slots: Mapping[str, str] | Sequence[str],
        build: Callable[[], Trainee],
        *,
        engine: EngineConfig,
        run_seed: int,
        environments: Sequence[int],
        sink: EventSink,
    ) -> None:
        self.members = [
            Member(
                config,
                data,
                slots,
                build,
                engine=engine,
                run_seed=run_seed,
                environment=environment,
                sink=sink,
            )
            for environment in environments
        ]

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""
        return [
            member.step(command) for member, command in zip(self.members, commands, strict=True)
        ]

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""
        for member in self.members:
            member.begin_closing()

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""
        return [member.judge() for member in self.members]

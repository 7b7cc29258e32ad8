"""Populations: many environments in lockstep behind one interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import AdaptationCommand
    from tamiyo.engine.member import FinalResult, Member, StepResult

__all__ = ["Population", "SequentialPopulation"]


class Population(Protocol):
    """What every executor offers; an environment gives the same bytes whatever runs beside it."""

    @property
    def initial(self) -> Sequence[StepResult]:
        """What every environment was before its first step."""

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""

    def close(self) -> None:
        """Give back what the population holds outside this process; it cannot step any more."""


class SequentialPopulation:
    """Trains one environment after the other.

    It works for every host and is the oracle of faster executors.

    Args:
        members: The environments.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self.initial = [member.describe_start() for member in self.members]

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

    def close(self) -> None:
        """Do nothing: all of it lives in this process."""

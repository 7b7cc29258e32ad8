"""MixedPopulation: environments whose hosts differ in structure, a population for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamiyo.contracts import AdaptationCommand
    from tamiyo.engine.member import FinalResult, StepResult
    from tamiyo.engine.populations.population import Population

__all__ = ["MixedPopulation"]

T = TypeVar("T")


class MixedPopulation:
    """Steps several populations as one; results come in the order of the environments.

    Args:
        parts: Places of a population's environments among all, in its order, to the population.
    """

    def __init__(self, parts: Mapping[tuple[int, ...], Population]) -> None:
        self._parts = dict(parts)
        self.initial: list[StepResult] = self._merge(
            {places: part.initial for places, part in self._parts.items()}
        )

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""
        return self._merge(
            {
                places: part.step([commands[place] for place in places])
                for places, part in self._parts.items()
            }
        )

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""
        for part in self._parts.values():
            part.begin_closing()

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""
        return self._merge({places: part.judge() for places, part in self._parts.items()})

    def close(self) -> None:
        """Close every population."""
        for part in self._parts.values():
            part.close()

    @staticmethod
    def _merge(results: Mapping[tuple[int, ...], Sequence[T]]) -> list[T]:
        by_place = {
            place: result
            for places, own in results.items()
            for place, result in zip(places, own, strict=True)
        }
        return [by_place[place] for place in sorted(by_place)]

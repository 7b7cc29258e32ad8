"""DecisionListener: is told what a policy thinks when it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DecisionListener", "NoListener"]


class DecisionListener(Protocol):
    """Is told what the policy thought when it decided in the first environments."""

    @property
    def rows(self) -> range:
        """Which environments it is told of, from 0 on."""

    def hear(
        self, row: int, probabilities: Mapping[str, Mapping[str, float]], value: float
    ) -> None:
        """Take in a decision before it is carried out.

        Args:
            row: The environment.
            probabilities: Head to its legal choices with their probabilities, given the choices of
                the heads before it; heads that the op does not use are left out.
            value: Discounted raw reward that is expected from here on.
        """


class NoListener:
    """Is told of no environment."""

    rows = range(0)

    def hear(
        self, row: int, probabilities: Mapping[str, Mapping[str, float]], value: float
    ) -> None:
        """Never happens."""

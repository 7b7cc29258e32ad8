"""Choose what trains a population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamiyo.contracts import ConfigError
from tamiyo.engine.config import EngineKind
from tamiyo.engine.population import Population, SequentialPopulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.engine.member import Member

__all__ = ["PopulationChoice", "build_population"]


@dataclass(frozen=True, kw_only=True)
class PopulationChoice:
    """A population and why it is of its kind.

    Attributes:
        population: What trains the environments.
        kind: What it is, never ``auto``.
        reason: Why, in one sentence.
    """

    population: Population
    kind: EngineKind
    reason: str


def build_population(members: Sequence[Member], kind: EngineKind) -> PopulationChoice:
    """Bring environments together in a population.

    Args:
        members: The environments, equal but for their numbers.
        kind: What is to train them; ``auto`` takes what suits them best.

    Raises:
        ConfigError: If that cannot train them.
    """
    if kind == EngineKind.BATCHED:
        message = "engine must be auto or sequential for these environments, got batched"
        raise ConfigError(message)
    reason = "it was asked for" if kind == EngineKind.SEQUENTIAL else "it works for every host"
    return PopulationChoice(
        population=SequentialPopulation(members), kind=EngineKind.SEQUENTIAL, reason=reason
    )

"""PopulationSource: where cohorts get their hosts from, in this process or in workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import NullSink
from tamiyo.engine import Population, WorkerPopulation
from tamiyo.environment.hosts.building import PopulationBuilder, choose_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import AdaptationCommand, Event, EventSink
    from tamiyo.engine import FinalResult, StepResult
    from tamiyo.environment.hosts.building import EpisodeKey
    from tamiyo.environment.hosts.config import HostEnvConfig

__all__ = ["PopulationSource"]

_FEWEST_PER_WORKER: Final = 4
"""Hosts below which a process more is not worth its messages."""


class PopulationSource:
    """Opens populations, with worker processes for those that are large.

    The processes outlive a population: the next one of that size goes on in them.

    Args:
        config: What the episodes are like.
        workers: Processes to share them out to; 1 stays in this one.

    Raises:
        ConfigError: If the engine that was asked for cannot train the hosts.
    """

    def __init__(self, config: HostEnvConfig, *, workers: int) -> None:
        self._build = PopulationBuilder(config=config, kind=choose_engine(config))
        self._workers = workers
        self._crew: WorkerPopulation[EpisodeKey] | None = None
        self._size = 0
        self._is_lent = False
        self._relay: _Relay | None = None

    def open(self, keys: Sequence[EpisodeKey], sink: EventSink | None = None) -> Population:
        """Build the hosts of some keys.

        Args:
            keys: Which ones.
            sink: Where the events of those go that are told of, of every process after a step.
        """
        if self._workers == 1 or self._is_lent or len(keys) < self._workers * _FEWEST_PER_WORKER:
            return self._build(keys, sink or NullSink())
        is_told = any(key.is_told for key in keys)
        if self._crew is not None and self._size == len(keys) and (self._relay or not is_told):
            self._aim(sink)
            self._crew.restart(keys)
        else:
            self.close()
            self._relay = _Relay() if is_told else None
            self._aim(sink)
            self._crew = WorkerPopulation(
                self._build, keys, workers=self._workers, sink=self._relay
            )
            self._size = len(keys)
        self._is_lent = True
        return _Lent(self, self._crew)

    def take_back(self) -> None:
        """Let the next large population have the processes."""
        self._is_lent = False

    def _aim(self, sink: EventSink | None) -> None:
        """Send what the processes tell to another sink."""
        if self._relay is not None:
            self._relay.target = sink or NullSink()

    def close(self) -> None:
        """End the processes."""
        if self._crew is not None:
            self._crew.close()
        self._crew, self._is_lent = None, False


class _Relay:
    """The sink of processes that outlive the one who listens to them."""

    def __init__(self) -> None:
        self.target: EventSink = NullSink()

    def emit(self, event: Event) -> None:
        """Hand the event on."""
        self.target.emit(event)


class _Lent:
    """The processes as a population; closing it keeps them for the next one."""

    def __init__(self, source: PopulationSource, crew: WorkerPopulation[EpisodeKey]) -> None:
        self._source = source
        self._crew = crew
        self.initial = crew.initial

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""
        return self._crew.step(commands)

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out."""
        self._crew.begin_closing()

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""
        return self._crew.judge()

    def close(self) -> None:
        """Keep the processes for the next population."""
        self._source.take_back()

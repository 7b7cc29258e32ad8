"""Find the events of hosts in a log: those of a run, or of recorded episodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tamiyo.contracts import (
    ArtifactError,
    ConfigError,
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    Event,
    GateEvaluated,
    GovernorRolledBack,
    RewardPaid,
    RunFinished,
    RunStarted,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    StageChanged,
    decode_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Course", "find_course", "find_host_events", "read_courses"]

_KINDS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        DecisionMade,
        EpisodeFinished,
        EpochCompleted,
        GateEvaluated,
        GovernorRolledBack,
        RewardPaid,
        RunFinished,
        SeedFossilized,
        SeedGerminated,
        SeedPruned,
        StageChanged,
    )
}
_STARTS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind for kind in (RunStarted, EpisodeStarted)
}
_WRITTEN: Final = frozenset({"event", "schema", "time"})
_Record = TypeVar("_Record")


@dataclass(frozen=True, kw_only=True)
class Course:
    """What happened to one host.

    Attributes:
        start: How it began.
        events: What followed, in order.
    """

    start: RunStarted | EpisodeStarted
    events: tuple[Event, ...]

    @property
    def environment(self) -> int:
        """Index of the environment."""
        return self.start.host.environment

    @property
    def episode(self) -> int | None:
        """Number of the episode; ``None`` if this is a run by itself."""
        return self.start.episode if isinstance(self.start, EpisodeStarted) else None


@dataclass
class _Search:
    """Where the reading of a log stands; plain events of at most two episodes are kept.

    Attributes:
        environment: Environment asked for, or the first one that was met.
        episode: Episode asked for; ``None`` for the newest with the decision.
        epoch: Epoch of the decision asked for.
        known: Every start that was met, environment and episode.
        current: Numbers and events of the episode being read.
        found: The same of the one that was looked for.
        is_open: Whether the episode being read has not ended.
    """

    environment: int | None
    episode: int | None
    epoch: int
    known: list[tuple[int, int | None]] = field(default_factory=list)
    current: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    found: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    is_open: bool = False

    def take(self, number: int, event: Mapping[str, Any]) -> None:
        """Take one event."""
        name = event["event"]
        if name in _STARTS:
            self._begin(number, event)
        elif self.is_open and event.get("environment") == self.environment:
            self.current.append((number, event))
            if name == "DecisionMade" and event.get("epoch") == self.epoch:
                self.found = self.current
            self.is_open = name != EpisodeFinished.__name__

    def _begin(self, number: int, event: Mapping[str, Any]) -> None:
        is_run = event["event"] == RunStarted.__name__
        environment = event["host"]["environment"] if is_run else event["environment"]
        episode = None if is_run else event["episode"]
        self.known.append((environment, episode))
        if self.environment is None:
            self.environment = environment
        if environment != self.environment:
            return
        self.is_open = self.episode in {None, episode}
        self.current = [(number, event)]
        if self.is_open and not self.found:
            self.found = self.current


def find_host_events(
    events: Iterable[Mapping[str, Any]],
    *,
    epoch: int = 1,
    environment: int | None = None,
    episode: int | None = None,
) -> list[tuple[int, Mapping[str, Any]]]:
    """Find every event of one host: of a run by itself, or of an episode in a training.

    Args:
        events: Decoded events in order; gone through once.
        epoch: Epoch in which something must have been decided, if there is a choice of episodes.
        environment: Index of the environment; the first in the log if not given.
        episode: Number of the episode; the newest that came as far as the epoch if not given.

    Returns:
        The events after their numbers in the log, counted from 1, in order; ``RunStarted`` or
        ``EpisodeStarted`` comes first.

    Raises:
        ConfigError: If the log has no such environment or episode.
        ArtifactError: If it has no host at all, or an event lacks a field.
    """
    search = _Search(environment=environment, episode=episode, epoch=epoch)
    for number, event in enumerate(events, start=1):
        try:
            search.take(number, event)
        except (KeyError, TypeError) as error:
            message = f"event {number} must be a whole {event.get('event')}, got no {error}"
            raise ArtifactError(message) from error
    if not search.found:
        _refuse(search)
    return search.found


def find_course(
    events: Iterable[Mapping[str, Any]],
    *,
    epoch: int,
    environment: int | None = None,
    episode: int | None = None,
) -> Course:
    """Find what happened to the host of a decision.

    Args:
        events: As for :func:`find_host_events`, like all others.
        epoch: Epoch the decision acts in.
        environment: Index of the environment.
        episode: Number of the episode.

    Raises:
        ConfigError: If the log has no such environment or episode.
        ArtifactError: If it has no host at all, or an event lacks a field.
    """
    return _decode_course(
        find_host_events(events, epoch=epoch, environment=environment, episode=episode)
    )


def read_courses(
    events: Iterable[Mapping[str, Any]], *, most: int
) -> tuple[tuple[Course, ...], int]:
    """Read the hosts of a log: the earliest and the newest where there are many.

    Args:
        events: Decoded events in order; gone through once.
        most: Hosts that are decoded at most, half of them the earliest.

    Returns:
        What happened to them, in the order in which they ended, and how many hosts the log has.

    Raises:
        ArtifactError: If an event is not whole.
    """
    is_open: dict[object, list[tuple[int, Mapping[str, Any]]]] = {}
    earliest: list[list[tuple[int, Mapping[str, Any]]]] = []
    newest: deque[list[tuple[int, Mapping[str, Any]]]] = deque(maxlen=most - most // 2)
    total = 0

    def keep(course: list[tuple[int, Mapping[str, Any]]]) -> None:
        nonlocal total
        total += 1
        (earliest if len(earliest) < most // 2 else newest).append(course)

    for number, event in enumerate(events, start=1):
        name, environment = event["event"], event.get("environment")
        if name in _STARTS:
            environment = event.get("host", {}).get("environment")
            if environment in is_open:
                keep(is_open[environment])
            is_open[environment] = [(number, event)]
        elif environment in is_open:
            is_open[environment].append((number, event))
    for course in is_open.values():
        keep(course)
    return tuple(_decode_course(course) for course in (*earliest, *newest)), total


def _decode_course(numbered: list[tuple[int, Mapping[str, Any]]]) -> Course:
    """Build the records of one host's events, its start first.

    Raises:
        ArtifactError: If an event is not whole.
    """
    (number, start), *rest = numbered
    decoded = (
        _decode(_KINDS[event["event"]], event, place)
        for place, event in rest
        if event["event"] in _KINDS
    )
    return Course(start=_decode(_STARTS[start["event"]], start, number), events=tuple(decoded))


def _refuse(search: _Search) -> None:
    """Say what the log has instead of what was asked for.

    Raises:
        ConfigError: If it has other environments or episodes.
        ArtifactError: If it has none.
    """
    if not search.known:
        message = (
            "event log must hold a run, or episodes that a training recorded, got none: "
            "a training on a task records those of its first --record-envs environments"
        )
        raise ArtifactError(message)
    environments = sorted({environment for environment, _ in search.known})
    if search.environment not in environments:
        shown = ", ".join(map(str, environments))
        message = f"environment must be one of {shown}, got {search.environment}"
        raise ConfigError(message)
    episodes = [one for place, one in search.known if place == search.environment]
    shown = _shorten([one for one in episodes if one is not None])
    message = (
        f"episode must be {shown or 'left out, as this is a run by itself'}, got {search.episode}"
    )
    raise ConfigError(message)


def _shorten(episodes: list[int]) -> str:
    if not episodes:
        return ""
    if episodes == list(range(episodes[0], episodes[-1] + 1)):
        return f"from {episodes[0]} to {episodes[-1]}"
    return f"one of {', '.join(map(str, episodes))}"


def _decode(kind: type[_Record], event: Mapping[str, Any], number: int) -> _Record:
    """Build a record.

    Raises:
        ArtifactError: If the event is not whole.
    """
    plain = {name: value for name, value in event.items() if name not in _WRITTEN}
    try:
        return decode_record(kind, plain)
    except ArtifactError as error:
        message = f"event {number} must be a whole {kind.__name__}: {error}"
        raise ArtifactError(message) from error

"""Tell a run from its event log: event by event, keeping no more than a page can show."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import AlarmKind, ArtifactError
from tamiyo.telemetry.numbers import read_number
from tamiyo.telemetry.story.host import HostTale
from tamiyo.telemetry.story.learning import LearningTale
from tamiyo.telemetry.story.records import EpisodeRow, RunStory, StoryAlarm
from tamiyo.telemetry.story.sifting import LogSieve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tamiyo.telemetry.story.records import HostStory
    from tamiyo.telemetry.story.sifting import RawEvent

__all__ = ["tell_run"]

_KEPT_ALARMS: Final = 50
_KEPT_EPISODES: Final = 100
_STARTS: Final = frozenset({"RunStarted", "EpisodeStarted"})
_ENDS: Final = frozenset({"RunFinished", "EpisodeFinished"})
_SHOWN_NUMBERS: Final = 5


def tell_run(path: Path) -> RunStory:
    """Tell what happened in a run.

    Of the episodes of a training only the last one of each environment is read in full, so that
    memory and time do not grow with their number.

    Args:
        path: Its event log.

    Raises:
        ArtifactError: If the log cannot be read, holds no event, or one that lacks a field.
    """
    sieve = LogSieve(path)
    teller = _Teller(sieve)
    for event in sieve:
        teller.take(event)
    if sieve.is_empty:
        message = f"event log must hold at least one whole event, got none: {path}"
        raise ArtifactError(message)
    return teller.finish()


class _Teller:
    """What is known of a run while its log is read."""

    def __init__(self, sieve: LogSieve) -> None:
        self._sieve = sieve
        self._events = 0
        self._first_time: str | None = None
        self._last_time: str | None = None
        self._start: Mapping[str, Any] | None = None
        self._learning: LearningTale | None = None
        self._is_finished = self._is_interrupted = False
        self._running: dict[int, list[RawEvent]] = {}
        self._ended: dict[int, list[RawEvent]] = {}
        self._lost_beginnings: set[int] = set()
        self._early: list[EpisodeRow] = []
        self._late: deque[EpisodeRow] = deque(maxlen=_KEPT_EPISODES)
        self._episode_count = 0
        self._early_alarms: list[StoryAlarm] = []
        self._late_alarms: deque[StoryAlarm] = deque(maxlen=_KEPT_ALARMS)
        self._alarm_counts: Counter[str] = Counter()

    def take(self, event: RawEvent) -> None:
        """Take one event; those of hosts are put aside unread."""
        self._events += 1
        self._first_time = self._first_time or event.time
        self._last_time = event.time or self._last_time
        if event.name in _STARTS:
            self._begin_host(event)
        elif event.environment is not None:
            self._put_aside(event, event.environment)
        else:
            content = self._sieve.read(event)
            if content is not None:
                with _complete(event):
                    self._learn(content)

    def finish(self) -> RunStory:
        """Return what is known."""
        hosts = tuple(
            story
            for index in sorted({*self._running, *self._ended})
            if (story := self._tell_host(self._ended.get(index) or self._running[index]))
        )
        start = self._start or {}
        kind = "run" if "task" in start else "training" if start else "nothing"
        return RunStory(
            kind=kind,
            title=start.get("task", start.get("env_id", "")),
            controller=start.get("controller"),
            seed=start.get("seed"),
            config_hash=start.get("config_hash"),
            is_finished=self._is_finished,
            is_interrupted=self._is_interrupted,
            events=self._events,
            first_time=self._first_time,
            last_time=self._last_time,
            learning=None if self._learning is None else self._learning.finish(),
            hosts=hosts,
            episodes=(*self._early, *self._late),
            episode_count=self._episode_count,
            alarms=(*self._early_alarms, *self._late_alarms),
            alarm_counts=dict(self._alarm_counts.most_common()),
            missing=tuple(self._find_missing(hosts)),
        )

    def _begin_host(self, event: RawEvent) -> None:
        content = self._sieve.read(event)
        if content is None:
            return
        if event.name == "RunStarted":
            self._start = content
        with _complete(event):
            index = content["host"]["environment"]
        self._running[index] = [event]
        self._lost_beginnings.discard(index)

    def _put_aside(self, event: RawEvent, index: int) -> None:
        is_over = event.name == "TwinTrained" and index in self._ended
        kept = self._ended if is_over else self._running
        if index in kept:
            kept[index].append(event)
        elif event.name not in _ENDS:
            self._lost_beginnings.add(index)
        if event.name in _ENDS:
            self._end_host(event, index)
        elif event.name == "GovernorRolledBack":
            content = self._sieve.read(event)
            if content is not None:
                place = f"environment {index}, epoch {content.get('epoch')}"
                self._raise("rollback", place, str(content.get("reason")))

    def _end_host(self, event: RawEvent, index: int) -> None:
        if index in self._running:
            self._ended[index] = self._running.pop(index)
        content = self._sieve.read(event)
        if content is None:
            return
        with _complete(event):
            if event.name == "RunFinished":
                self._end(content)
                return
            self._episode_count += 1
            rows = self._early if len(self._early) < _KEPT_EPISODES else self._late
            rows.append(_read_episode(content))

    def _learn(self, content: Mapping[str, Any]) -> None:
        if content["event"] == "AlarmRaised":
            kind = AlarmKind[content["kind"]].value
            self._raise(kind, f"step {content['steps']:,}", content["message"])
            return
        if content["event"] == "TrainingStarted":
            self._start = content
            self._is_finished = self._is_interrupted = False
            if self._learning is None:
                self._learning = LearningTale(content)
                return
        if self._learning is not None:
            self._learning.take(content)
        if content["event"] == "TrainingFinished":
            self._end(content)

    def _end(self, content: Mapping[str, Any]) -> None:
        self._is_interrupted = content["interrupted"]
        self._is_finished = not self._is_interrupted

    def _raise(self, kind: str, place: str, message: str) -> None:
        alarm = StoryAlarm(kind=kind, place=place, message=message)
        is_early = len(self._early_alarms) < _KEPT_ALARMS
        (self._early_alarms if is_early else self._late_alarms).append(alarm)
        self._alarm_counts[kind] += 1

    def _tell_host(self, events: list[RawEvent]) -> HostStory | None:
        tale: HostTale | None = None
        for event in events:
            content = self._sieve.read(event)
            if content is None:
                continue
            with _complete(event):
                if tale is None:
                    tale = HostTale(content)
                else:
                    tale.take(content)
        return None if tale is None else tale.finish()

    def _find_missing(self, hosts: tuple[HostStory, ...]) -> list[str]:
        missing = []
        if self._start is None:
            missing.append("The beginning of the run is not in the log.")
        missing += [
            f"The beginning of an episode in environment {index} is not in the log; what followed "
            "it is left out."
            for index in sorted(self._lost_beginnings)
        ]
        numbers = sorted(set(self._sieve.damaged_numbers))
        if numbers:
            shown = ", ".join(map(str, numbers[:_SHOWN_NUMBERS]))
            more = ", ..." if len(numbers) > _SHOWN_NUMBERS else ""
            missing.append(
                f"{len(numbers)} damaged {'line is' if len(numbers) == 1 else 'lines are'} left "
                f"out (line {shown}{more}): the writer was stopped there."
            )
        if self._sieve.is_torn:
            missing.append(
                "The log ends in the middle of an event, which is left out: the writer was "
                "stopped or is still writing."
            )
        if not self._is_finished and not self._is_interrupted:
            missing.append("The log has no end of the run: it was stopped, or still goes on.")
        return missing + [text for host in hosts for text in _find_gaps(host)]


def _find_gaps(host: HostStory) -> list[str]:
    epochs = [point.epoch for point in host.points]
    lacking = sorted(set(range(epochs[-1] + 1)) - set(epochs))
    if not lacking:
        return []
    shown = ", ".join(map(str, lacking[:_SHOWN_NUMBERS]))
    more = ", ..." if len(lacking) > _SHOWN_NUMBERS else ""
    return [f"Environment {host.environment} lacks what epoch {shown}{more} measured."]


@contextmanager
def _complete(event: RawEvent) -> Iterator[None]:
    """Say which event is incomplete if one is.

    Raises:
        ArtifactError: If it lacks a field.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = (
            f"line {event.number} must hold a complete {event.name}, "
            f"got {type(error).__name__}: {error}"
        )
        raise ArtifactError(message) from error


def _read_episode(content: Mapping[str, Any]) -> EpisodeRow:
    return EpisodeRow(
        environment=content["environment"],
        episode=content["episode"],
        score=float(content["score"]),
        host_score=read_number(content["host_score"]),
        growth=content["parameters"] / content["host_parameters"],
    )

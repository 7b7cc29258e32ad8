"""Hold the events of a replay against those of the log, one by one, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Difference", "EventComparison", "compare_events"]

_COMPARED: Final = frozenset(
    {
        "RunStarted",
        "EpisodeStarted",
        "DecisionMade",
        "SeedGerminated",
        "StageChanged",
        "GateEvaluated",
        "SeedFossilized",
        "SeedPruned",
        "GovernorRolledBack",
        "EpochCompleted",
        "RunFinished",
        "EpisodeFinished",
    }
)
"""Kinds that training and growing give; what only who decides or pays knows is not compared."""

_NOT_COMPARED: Final[Mapping[str, frozenset[str]]] = {
    # The hash covers who decided, and the evidence is the decider's own.
    "RunStarted": frozenset({"config_hash"}),
    "DecisionMade": frozenset({"evidence"}),
    # What steps were paid depends on the other environments of a group.
    "EpisodeFinished": frozenset({"episode_return", "host_score", "is_thrashing", "counters"}),
}

_WRITTEN: Final = frozenset({"schema", "time"})
"""What a log adds to every event."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first thing in which a replay differs from its log.

    Attributes:
        event: Kind of the event.
        number: Its number among the compared events, counted from 1.
        epoch: Epoch of the event; ``None`` where it has none.
        field: The way to the value, ``measured.control_loss``.
        recorded: What the log holds; ``None`` also where it holds no such thing.
        replayed: What the replay gave.
    """

    event: str
    number: int
    epoch: int | None
    field: str
    recorded: object
    replayed: object


@dataclass(frozen=True, kw_only=True)
class EventComparison:
    """How the events of a replay compare with those of its log.

    Attributes:
        equal: Events that are as recorded, from the first on.
        difference: The first that is not; ``None`` if all are.
    """

    equal: int
    difference: Difference | None


def compare_events(
    recorded: Iterable[Mapping[str, Any]], replayed: Iterable[Mapping[str, Any]]
) -> EventComparison:
    """Compare what training and growing gave; what a replay gives beyond its log is passed over.

    Args:
        recorded: The events of the log in order, as :func:`~tamiyo.telemetry.read_events` gives.
        replayed: Those of the replay.
    """
    again = (event for event in replayed if event["event"] in _COMPARED)
    equal = 0
    for event in recorded:
        if event["event"] not in _COMPARED:
            continue
        difference = _compare(equal + 1, event, next(again, {}))
        if difference is not None:
            return EventComparison(equal=equal, difference=difference)
        equal += 1
    return EventComparison(equal=equal, difference=None)


def _compare(
    number: int, recorded: Mapping[str, Any], replayed: Mapping[str, Any]
) -> Difference | None:
    ignored = _NOT_COMPARED.get(recorded["event"], frozenset()) | _WRITTEN
    before, after = (
        {name: value for name, value in event.items() if name not in ignored}
        for event in (recorded, replayed)
    )
    found = _find_difference(before, after, "")
    if found is None:
        return None
    field, was, now = found
    return Difference(
        event=recorded["event"],
        number=number,
        epoch=recorded.get("epoch", recorded.get("measured", {}).get("epoch")),
        field=field,
        recorded=was,
        replayed=now,
    )


def _find_difference(
    recorded: object, replayed: object, field: str
) -> tuple[str, object, object] | None:
    """Return the way to the first value that differs, and both values."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        names = [str(name) for name in dict.fromkeys((*recorded, *replayed))]
        pairs = [(name, recorded.get(name), replayed.get(name)) for name in names]
    elif isinstance(recorded, list) and isinstance(replayed, list):
        if len(recorded) != len(replayed):
            return field, recorded, replayed
        pairs = [
            (str(index), *both) for index, both in enumerate(zip(recorded, replayed, strict=True))
        ]
    else:
        return None if recorded == replayed else (field, recorded, replayed)
    for name, before, after in pairs:
        found = _find_difference(before, after, f"{field}.{name}" if field else name)
        if found is not None:
            return found
    return None

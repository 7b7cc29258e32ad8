"""Which table and column each field of an event goes to; all of it follows from the records.

A record inside an event becomes columns named after the way to them, ``command_op``. Records in a
list or by name have a table of their own, ``EpochCompleted_host_slots``, with a row each. What is
left, names to numbers and lists within such rows, is one column of JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from tamiyo.contracts import ArtifactError, Event, LearningEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["RAW_TABLE", "Column", "EventTable", "Place", "Step", "build_tables"]

_LARGEST_INTEGER: Final = 2**63 - 1
_PLAIN_KINDS: Final = {bool: "INTEGER", int: "INTEGER", float: "REAL"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step on the way from an event to a value.

    Attributes:
        name: Field to go to.
        is_needed: Whether a log that lacks the field is refused; else its value is unknown.
    """

    name: str
    is_needed: bool


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        name: Its name in SQL.
        kind: ``INTEGER``, ``REAL`` or ``TEXT``; truth values are 0 and 1, enums their names, and
            numbers that are not finite the texts ``NaN``, ``Infinity`` and ``-Infinity``.
        path: How to get from the event, or from the item of a list, to its value; empty for what
            says where the row comes from.
        is_json: Whether it holds JSON text.
    """

    name: str
    kind: str
    path: tuple[Step, ...] = ()
    is_json: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an event stands in its log.

    Attributes:
        number: Its number among the whole events, counted from 1.
        environment: Index of its environment; ``None`` where it has none.
        episode: Number of the running episode of that environment; ``None`` outside of episodes.
        epoch: Epoch it belongs to; ``None`` where it belongs to none.
    """

    number: int
    environment: int | None = None
    episode: int | None = None
    epoch: int | None = None


_NUMBER: Final = Column(name="number", kind="INTEGER")
_TIME: Final = Column(name="time", kind="TEXT")
_WHERE: Final = (
    _NUMBER,
    _TIME,
    Column(name="environment", kind="INTEGER"),
    Column(name="episode", kind="INTEGER"),
    Column(name="epoch", kind="INTEGER"),
)
_POSITION: Final = Column(name="position", kind="INTEGER")
_KEY: Final = Column(name="name", kind="TEXT")


@dataclass(frozen=True, kw_only=True)
class EventTable:
    """A table.

    Attributes:
        name: Its name in SQL.
        event: Kind of the events its rows come from; ``None`` for all kinds.
        columns: Its columns.
        items: How to get to the list whose items are the rows; empty for one row per event.
        is_keyed: Whether the items have names instead of positions.
    """

    name: str
    event: str | None
    columns: tuple[Column, ...]
    items: tuple[Step, ...] = ()
    is_keyed: bool = False

    def read(self, event: Mapping[str, Any], place: Place) -> Iterator[list[object]]:
        """Yield the rows of one event of the table's kind.

        Args:
            event: The event as plain JSON values.
            place: Where it stands.

        Raises:
            ArtifactError: If the event lacks a field.
        """
        origin = {**vars(place), "time": _to_sql(event.get("time"))}
        if self.event is None:
            yield [place.number, origin["time"], event["event"], json.dumps(event)]
            return
        for key, item in self._list_items(event, place):
            row: list[object] = []
            for column in self.columns:
                if column.path:
                    value = _walk(item, column.path, event, place)
                    row.append(_to_sql(value))
                else:
                    row.append(key if column in {_POSITION, _KEY} else origin[column.name])
            yield row

    def _list_items(
        self, event: Mapping[str, Any], place: Place
    ) -> Iterator[tuple[object, Mapping[str, Any]]]:
        """Yield every item that becomes a row, after its position or name.

        Raises:
            ArtifactError: If they are not where they must be.
        """
        if not self.items:
            yield None, event
            return
        found = _walk(event, self.items, event, place)
        if isinstance(found, dict) and self.is_keyed:
            yield from found.items()
        elif isinstance(found, list) and not self.is_keyed:
            yield from enumerate(found)
        elif found is not None:
            raise ArtifactError(_describe_gap(event, place, self.items, found))


RAW_TABLE: Final = EventTable(
    name="events",
    event=None,
    columns=(
        _NUMBER,
        _TIME,
        Column(name="event", kind="TEXT"),
        Column(name="json", kind="TEXT", is_json=True),
    ),
)
"""Every event, of known kinds and others, as it stands in the log."""


@cache
def build_tables() -> tuple[EventTable, ...]:
    """Return every table: the one of all events, then those of each kind, by name."""
    tables = [table for kind in get_args(Event) for table in _build_kind(kind)]
    return (RAW_TABLE, *sorted(tables, key=lambda table: table.name))


def _build_kind(kind: type[Any]) -> Iterator[EventTable]:
    columns, lists = _flatten(kind, ())
    where = (_NUMBER, _TIME) if kind in get_args(LearningEvent) else _WHERE
    known = {column.name for column in where}
    own = tuple(column for column in columns if column.name not in known)
    yield EventTable(name=kind.__name__, event=kind.__name__, columns=(*where, *own))
    for path, item, is_keyed in lists:
        inner, deeper = _flatten(item, ())
        texts = [_build_column(deep, "TEXT", is_json=True) for deep, _, _ in deeper]
        yield EventTable(
            name="_".join((kind.__name__, *(step.name for step in path))),
            event=kind.__name__,
            columns=(*where, _KEY if is_keyed else _POSITION, *inner, *texts),
            items=path,
            is_keyed=is_keyed,
        )


_Lists = list[tuple[tuple[Step, ...], type[Any], bool]]


def _flatten(record: type[Any], before: tuple[Step, ...]) -> tuple[list[Column], _Lists]:
    """Return the columns of a record, and the ways to its lists of records with their types."""
    hints = get_type_hints(record, include_extras=False)
    columns: list[Column] = []
    lists: _Lists = []
    for item in fields(record):
        kind = _strip_optional(hints[item.name])
        path = (*before, Step(name=item.name, is_needed=_is_needed(item)))
        listed = _find_item(kind)
        if isinstance(kind, type) and is_dataclass(kind):
            inner, deeper = _flatten(kind, path)
            columns += inner
            lists += deeper
        elif listed is not None:
            lists.append((path, listed, get_origin(kind) is Mapping))
        else:
            is_json = get_origin(kind) is not None
            sql_kind = next((name for one, name in _PLAIN_KINDS.items() if one is kind), "TEXT")
            columns.append(_build_column(path, sql_kind, is_json=is_json))
    return columns, lists


def _build_column(path: tuple[Step, ...], kind: str, *, is_json: bool) -> Column:
    name = "_".join(step.name for step in path)
    return Column(name=name, kind=kind, path=path, is_json=is_json)


def _is_needed(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _strip_optional(kind: object) -> object:
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    return kind


def _find_item(kind: object) -> type[Any] | None:
    """Return the record that a list or a mapping holds, or ``None`` if it holds something else."""
    if get_origin(kind) not in {tuple, Mapping}:
        return None
    inner = get_args(kind)
    item = inner[1] if get_origin(kind) is Mapping else inner[0]
    is_record = isinstance(item, type) and is_dataclass(item) and not issubclass(item, Enum)
    return item if is_record else None


def _walk(value: object, path: Sequence[Step], event: Mapping[str, Any], place: Place) -> object:
    """Follow a path; what is unknown on the way is unknown at its end.

    Raises:
        ArtifactError: If a field is missing that a whole event has.
    """
    for step in path:
        if value is None:
            return None
        if not isinstance(value, dict) or (step.is_needed and step.name not in value):
            raise ArtifactError(_describe_gap(event, place, path, value))
        value = value.get(step.name)
    return value


def _describe_gap(
    event: Mapping[str, Any], place: Place, path: Sequence[Step], found: object
) -> str:
    name = ".".join(step.name for step in path)
    got = ", ".join(found) if isinstance(found, dict) else type(found).__name__
    return f"event {place.number} must be a whole {event['event']} with {name}, got {got}"


def _to_sql(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return str(value)
    return value

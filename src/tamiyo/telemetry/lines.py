"""What one line of an event log is: read whole, or only by its beginning."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from tamiyo.contracts import EVENT_SCHEMA, ArtifactError, ConfigError, Event, decode_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "LineHead",
    "check_fields",
    "check_schema",
    "parse_line",
    "read_head",
    "refuse_foreign",
    "shorten_line",
]

_KINDS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {kind.__name__: kind for kind in get_args(Event)}
)
_WRITTEN: Final = frozenset({"schema", "time", "event"})
"""What the sink adds to an event."""

_HEAD: Final = re.compile(
    rb'\{"schema": ?(\d{1,9}), ?"time": ?"([0-9T:.+Z-]*)", ?"event": ?"([A-Za-z]+)"'
    rb'(?:, ?"environment": ?(\d{1,9}))?'
)
_SHOWN_CHARACTERS: Final = 80
_LONGEST_CHARACTER: Final = 4  # bytes of UTF-8
_UNREADABLE: Final = (ValueError, RecursionError)


class LineHead(NamedTuple):
    """What the beginning of a line says, as our writer writes it.

    Attributes:
        schema: Version of the event.
        time: When it was written, UTC, ISO 8601.
        name: Name of its type.
        environment: Index of its environment; ``None`` if it has none.
    """

    schema: int
    time: str
    name: str
    environment: int | None


def read_head(line: bytes) -> LineHead | None:
    """Read the beginning of a line; ``None`` if another writer wrote it, or none."""
    head = _HEAD.match(line)
    if head is None:
        return None
    environment = None if head[4] is None else int(head[4])
    return LineHead(int(head[1]), head[2].decode(), head[3].decode(), environment)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return a line's JSON object; ``None`` if it is none, as every proper prefix of one."""
    try:
        found = json.loads(line)
    except _UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def check_schema(path: Path, number: int, schema: object) -> None:
    """Refuse an event of another schema.

    Args:
        path: The log.
        number: Number of the line, counted from 1.
        schema: What the event says.

    Raises:
        ArtifactError: If it is another one.
    """
    if schema != EVENT_SCHEMA:
        message = f"{path} line {number}: schema must be {EVENT_SCHEMA}, got {schema!r}"
        raise ArtifactError(message)


def check_fields(event: Mapping[str, Any], what: str) -> None:
    """Refuse an event that has not the fields of its kind; one that is unknown may have any.

    Args:
        event: As a log holds it.
        what: Which one it is, for example ``"line 3"``.

    Raises:
        ArtifactError: If a field is missing, unknown, or of a value that it cannot have.
    """
    name = event["event"]
    kind = _KINDS.get(name)
    if kind is None:
        return
    try:
        decode_record(kind, {key: value for key, value in event.items() if key not in _WRITTEN})
    except (ArtifactError, ConfigError) as error:
        message = f"{what} must hold a complete {name}: {error}"
        raise ArtifactError(message) from error


def shorten_line(line: bytes) -> str:
    """Return how a line begins, at most 80 characters."""
    shown = line[: _LONGEST_CHARACTER * _SHOWN_CHARACTERS].decode("utf-8", errors="replace")
    return shown[:_SHOWN_CHARACTERS].rstrip("\n")


def refuse_foreign(path: Path, number: int, text: str) -> None:
    """Refuse a file that holds no event at all.

    Args:
        path: The file.
        number: Number of its first line that is none, counted from 1.
        text: How that line begins.

    Raises:
        ArtifactError: Always.
    """
    message = f"event log must hold events, got {text!r} as line {number}: {path}"
    raise ArtifactError(message)

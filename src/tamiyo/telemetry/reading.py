"""Read an event log back: JSON lines, of which only the very last may be torn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import EVENT_SCHEMA, ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EventLog", "read_events"]

_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """What an event log holds.

    Attributes:
        events: Every whole event in order, each with ``event``, ``schema`` and ``time``.
        is_torn: True if the writer was stopped in the middle of a last event, which is left out.
    """

    events: list[dict[str, Any]]
    is_torn: bool


def read_events(path: Path) -> EventLog:
    """Read a log that :class:`JsonlSink` wrote.

    Numbers that JSON cannot hold come back as the strings they were written as: ``"NaN"``,
    ``"Infinity"`` and ``"-Infinity"``, all of which ``float`` reads.

    Args:
        path: The log.

    Returns:
        Its events, and whether a torn last line was left out.

    Raises:
        ArtifactError: If the file is missing, or a line is damaged or of another schema.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"event log must be a readable file, got {path}: {error.strerror}"
        raise ArtifactError(message) from error
    *lines, tail = data.split(b"\n")
    events = [_read_line(line, f"{path} line {n}") for n, line in enumerate(lines, start=1)]
    if not tail:
        return EventLog(events=events, is_torn=False)
    if not _is_whole(tail):
        return EventLog(events=events, is_torn=True)
    events.append(_read_line(tail, f"{path} line {len(lines) + 1}"))
    return EventLog(events=events, is_torn=False)


def _read_line(line: bytes, place: str) -> dict[str, Any]:
    if not _is_whole(line):
        shown = line[:_SHOWN_CHARACTERS].decode("utf-8", errors="replace")
        message = f"{place}: an event must be a JSON object, got {shown!r}"
        raise ArtifactError(message)
    event: dict[str, Any] = json.loads(line)
    if event.get("schema") != EVENT_SCHEMA:
        message = f"{place}: schema must be {EVENT_SCHEMA}, got {event.get('schema')!r}"
        raise ArtifactError(message)
    if not isinstance(event.get("event"), str):
        message = f"{place}: event must be the name of one, got {event.get('event')!r}"
        raise ArtifactError(message)
    return event


def _is_whole(line: bytes) -> bool:
    """Say whether a line is a complete JSON object; no proper prefix of one is."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False

"""Read an event log back, whole: JSON lines, of which any may be damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tamiyo.telemetry.following import DamagedLine
from tamiyo.telemetry.scanning import EventScan

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EventLog", "read_events"]


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """What an event log holds.

    Attributes:
        events: Every whole event in order, each with ``event``, ``schema`` and ``time``.
        is_torn: True if the writer was stopped in the middle of a last event, which is left out.
        damaged_lines: The first hundred lines before the last that are no event and left out.
        damaged_count: How many of them there are.
    """

    events: list[dict[str, Any]]
    is_torn: bool
    damaged_lines: tuple[DamagedLine, ...] = ()
    damaged_count: int = 0


def read_events(path: Path) -> EventLog:
    """Read a log that :class:`JsonlSink` wrote.

    Numbers that JSON cannot hold come back as the strings they were written as: ``"NaN"``,
    ``"Infinity"`` and ``"-Infinity"``, all of which ``float`` reads.

    Args:
        path: The log.

    Returns:
        Its events, and what was left out.

    Raises:
        ArtifactError: If the file is missing, holds an event of another schema, or nothing but
            lines that are none.
    """
    scan = EventScan(path)
    return EventLog(
        events=list(scan),
        is_torn=scan.is_torn,
        damaged_lines=scan.damaged_lines,
        damaged_count=scan.damaged_count,
    )

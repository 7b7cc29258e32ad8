"""Go through a whole log once and keep nothing of it: logs may be larger than the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry.following import EventFollower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["EventScan"]


class EventScan:
    """The events of a log as it is now, one after the other.

    Args:
        path: The log.

    Attributes:
        is_torn: After it was gone through, whether the log ends in the middle of an event.
        damaged_count: After it was gone through, lines before the last that are no event; they are
            left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_torn = False
        self.damaged_count = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each whole event.

        Raises:
            ArtifactError: If the log cannot be read, holds an event of another schema, or nothing
                but lines that are none.
        """
        if not self._path.exists():
            message = f"event log must be a readable file, got {self._path}: there is none"
            raise ArtifactError(message)
        follower = EventFollower(self._path)
        has_events = False
        while True:
            events = follower.poll()
            has_events = has_events or bool(events)
            yield from events
            if not follower.has_more:
                break
        self.is_torn = follower.is_torn
        self.damaged_count = follower.damaged_count
        if follower.damaged_lines and not has_events:
            first = follower.damaged_lines[0]
            message = (
                f"event log must hold events, got {first.text!r} as line {first.number}: "
                f"{self._path}"
            )
            raise ArtifactError(message)

    def describe_gaps(self) -> str:
        """Say in one sentence what was left out; empty if nothing was."""
        gaps = []
        if self.damaged_count:
            noun = "line" if self.damaged_count == 1 else "lines"
            gaps.append(f"{self.damaged_count} damaged {noun}")
        if self.is_torn:
            gaps.append("a torn last event")
        return f"left out of the log: {' and '.join(gaps)}" if gaps else ""

"""Go through a whole log once and keep nothing of it: logs may be larger than the memory."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry.following import DamagedLine, EventFollower
from tamiyo.telemetry.lines import refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = ["EventScan"]


class EventScan:
    """The events of a log as it is now, one after the other.

    Args:
        path: The log.
        kinds: Names of the events to give, all if not given; damage within others may go unseen.

    Attributes:
        is_torn: After it was gone through, whether the log ends in the middle of an event.
        damaged_count: After it was gone through, lines before the last that are no event; they are
            left out.
        damaged_lines: The first hundred of them.
    """

    def __init__(self, path: Path, *, kinds: Collection[str] | None = None) -> None:
        self._path = path
        self._kinds = kinds
        self.is_torn = False
        self.damaged_count = 0
        self.damaged_lines: tuple[DamagedLine, ...] = ()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each whole event.

        Raises:
            ArtifactError: If the log cannot be read, holds an event of another schema, or nothing
                but lines that are none.
        """
        if not self._path.exists():
            reason = os.strerror(errno.ENOENT)
            message = f"event log must be a readable file, got {self._path}: {reason}"
            raise ArtifactError(message)
        follower = EventFollower(self._path, kinds=self._kinds)
        has_events = False
        while True:
            events = follower.poll()
            has_events = has_events or bool(events)
            yield from events
            if not follower.has_more:
                break
        self.is_torn = follower.is_torn
        self.damaged_count = follower.damaged_count
        self.damaged_lines = follower.damaged_lines
        if self.damaged_lines and not has_events and self._kinds is None:
            first = self.damaged_lines[0]
            refuse_foreign(self._path, first.number, first.text)

    def describe_gaps(self) -> str:
        """Say in one sentence what was left out; empty if nothing was."""
        gaps = []
        if self.damaged_count:
            noun = "line" if self.damaged_count == 1 else "lines"
            gaps.append(f"{self.damaged_count} damaged {noun}")
        if self.is_torn:
            gaps.append("a torn last event")
        return f"left out of the log: {' and '.join(gaps)}" if gaps else ""

"""EventFollower: read an event log while it is being written, whatever a lost writer left in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import EVENT_SCHEMA, ArtifactError
from tamiyo.telemetry.lines import check_schema, parse_line, read_head, shorten_line

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["DamagedLine", "EventFollower"]

_PORTION_BYTES: Final = 1 << 20
_KEPT_DAMAGES: Final = 100


@dataclass(frozen=True, kw_only=True)
class DamagedLine:
    """A line of a log that is no event.

    Attributes:
        number: Its number, counted from 1.
        text: How it begins, at most 80 characters.
    """

    number: int
    text: str


class EventFollower:
    """Gives the events of a log as they come, in portions; it never waits and keeps no file open.

    Lines that are no event are left out and counted: a writer that was killed may leave half a
    line, at the end or, where another one went on, in the middle. A log that was cut or replaced,
    as by ``--resume`` and ``--overwrite``, is read anew from its beginning.

    Args:
        path: The log; it need not exist yet.
        kinds: Names of the events to give; all if not given. The others are not even parsed, which
            makes a long log several times faster to read; damage within them may go unseen.
        portion_bytes: About how much of it one call of :meth:`poll` reads, at least 1; a longer
            line is read whole.

    Attributes:
        path: The log.
        is_torn: Whether the log ended, when it was last read to its end, in the middle of an event.
        has_more: Whether :meth:`poll` left something for the next call.
        restarts: How often the log turned out to be another one; what was read before such a time
            is no part of it any more.
        damaged_lines: The first hundred lines that are no event, in order.
        damaged_count: How many there are in all.
    """

    def __init__(
        self,
        path: Path,
        *,
        kinds: Collection[str] | None = None,
        portion_bytes: int = _PORTION_BYTES,
    ) -> None:
        self.path = path
        self.restarts = 0
        self._kinds = None if kinds is None else frozenset(kinds)
        self._portion_bytes = portion_bytes
        self._identity: tuple[int, int] | None = None
        self._tail = b""
        self._has_told_tail = False
        self._begin()

    def poll(self) -> list[dict[str, Any]]:
        """Return the next whole events, each with ``event``, ``schema`` and ``time``.

        Returns:
            Those of the next portion, in order; none if there is nothing new, or no log yet.

        Raises:
            ArtifactError: If the log cannot be read, or an event is of another schema.
        """
        try:
            data = self._read()
        except FileNotFoundError:
            self.has_more = False
            return []
        except OSError as error:
            message = f"event log must be a readable file, got {self.path}: {error.strerror}"
            raise ArtifactError(message) from error
        *lines, self._tail = (self._tail + data).split(b"\n")
        events = []
        for line in lines:
            self._number += 1
            if not (self._has_told_tail and not line) and not self._is_unwanted(line):
                events += self._take(line, parse_line(line))
            self._has_told_tail = False
        events += self._take_tail()
        return events

    def _begin(self) -> None:
        self.is_torn = False
        self.has_more = False
        self.damaged_lines: tuple[DamagedLine, ...] = ()
        self.damaged_count = 0
        self._offset = 0
        self._number = 0
        self._tail = b""
        self._has_told_tail = False

    def _read(self) -> bytes:
        """Read on until a line ends or the portion is over."""
        with self.path.open("rb") as file:
            status = self.path.stat()
            identity = (status.st_dev, status.st_ino)
            if self._offset > status.st_size or self._identity not in {None, identity}:
                self._begin()
                self.restarts += 1
            self._identity = identity
            file.seek(self._offset)
            data = file.read(self._portion_bytes)
            if len(data) == self._portion_bytes:
                data += file.readline()
            self._offset += len(data)
            self.has_more = self._offset < status.st_size
        return data

    def _take_tail(self) -> list[dict[str, Any]]:
        """Take what follows the last line break, if it is a whole event: no part of one is."""
        found = parse_line(self._tail) if self._tail else None
        if found is None:
            self.is_torn = bool(self._tail) and not self.has_more
            return []
        self.is_torn = False
        self._number += 1
        events = self._take(self._tail, found)
        # Its line break, which may follow, is the end of no further line.
        self._number -= 1
        self._tail, self._has_told_tail = b"", True
        return events

    def _is_unwanted(self, line: bytes) -> bool:
        """Say whether the beginning of a line, as our writer writes it, names another event."""
        if self._kinds is None or not line.endswith(b"}"):
            return False
        head = read_head(line)
        return head is not None and head.schema == EVENT_SCHEMA and head.name not in self._kinds

    def _take(self, line: bytes, event: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Give what a line holds as an event, or count it as damaged.

        Raises:
            ArtifactError: If it is an event of another schema.
        """
        if event:
            check_schema(self.path, self._number, event.get("schema"))
        if event and isinstance(event.get("event"), str):
            return [event] if self._kinds is None or event["event"] in self._kinds else []
        self.damaged_count += 1
        if len(self.damaged_lines) < _KEPT_DAMAGES:
            self.damaged_lines += (DamagedLine(number=self._number, text=shorten_line(line)),)
        return []

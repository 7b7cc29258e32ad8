"""LogSieve: go through a large log quickly, reading in full only what a report needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry.lines import (
    check_fields,
    check_schema,
    parse_line,
    read_head,
    refuse_foreign,
    shorten_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LogSieve", "RawEvent"]

_BEGINNING: Final = b'{"schema":'


class RawEvent(NamedTuple):
    """An event that was not read in full.

    Attributes:
        number: Number of its line, counted from 1.
        name: Name of its type.
        environment: Index of its environment; ``None`` if it has none.
        time: When it was written, UTC, ISO 8601.
        line: Its line.
    """

    number: int
    name: str
    environment: int | None
    time: str | None
    line: bytes


class LogSieve:
    """The events of a log, one after the other; only the beginning of each is read.

    A line that is no event is left out and counted. One whose beginning and end are those of an
    event and which no second event begins in is taken for one; :meth:`read` says so if it is not.

    Args:
        path: The log.

    Attributes:
        damaged_numbers: Numbers of the lines that are no event, counted from 1, in the order in
            which that was noticed; the last line is none of them if it is torn.
        is_torn: Whether the log ends in the middle of an event.
        is_empty: Whether no event was found so far.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged_numbers: list[int] = []
        self.is_torn = False
        self.is_empty = True

    def __iter__(self) -> Iterator[RawEvent]:
        """Yield each event.

        Raises:
            ArtifactError: If the log cannot be read, holds an event of another schema, or nothing
                but lines that are none.
        """
        first_damage: tuple[int, bytes] | None = None
        for number, line in enumerate(self._read_lines(), start=1):
            event = self._look(number, line)
            if event is not None:
                self.is_empty = False
                yield event
            elif line.endswith(b"\n"):
                first_damage = first_damage or (number, line)
                self.damaged_numbers.append(number)
            else:
                self.is_torn = True
        if first_damage is not None and self.is_empty:
            number, line = first_damage
            refuse_foreign(self._path, number, shorten_line(line))

    def read(self, event: RawEvent) -> dict[str, Any] | None:
        """Read an event in full; ``None`` if it is none, which is counted.

        Raises:
            ArtifactError: If it has not the fields of its kind.
        """
        content = parse_line(event.line)
        if content is None:
            self.damaged_numbers.append(event.number)
        else:
            check_fields(content, f"line {event.number}")
        return content

    def _read_lines(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                yield from file
        except OSError as error:
            message = f"event log must be a readable file, got {self._path}: {error.strerror}"
            raise ArtifactError(message) from error

    def _look(self, number: int, line: bytes) -> RawEvent | None:
        head = read_head(line)
        if head is None or not line.endswith(b"}\n"):
            return self._look_closely(number, line)
        if line.find(_BEGINNING, 1) > 0 or b"\0" in line:
            return self._look_closely(number, line)
        check_schema(self._path, number, head.schema)
        return RawEvent(number, head.name, head.environment, head.time, line)

    def _look_closely(self, number: int, line: bytes) -> RawEvent | None:
        """Read a line that another writer wrote, or a damaged one."""
        content = parse_line(line)
        if content is None:
            return None
        check_schema(self._path, number, content.get("schema"))
        name = content.get("event")
        if not isinstance(name, str):
            return None
        environment, time = content.get("environment"), content.get("time")
        return RawEvent(
            number,
            name,
            environment if isinstance(environment, int) else None,
            time if isinstance(time, str) else None,
            line,
        )

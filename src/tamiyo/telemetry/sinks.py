"""Where events go: into memory, to several sinks, or into a file of JSON lines."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from tamiyo.contracts import EVENT_SCHEMA, ArtifactError, Event, EventSink, encode_event
from tamiyo.telemetry.numbers import name_non_finite, replace_non_finite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["LOG_NAME", "FanOutSink", "JsonlSink", "MemorySink"]

LOG_NAME: Final = "events.jsonl"
"""What the log of a run is called in its folder."""


class MemorySink:
    """Keeps every event; ``events`` holds them in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def encode(self) -> list[dict[str, Any]]:
        """Return the events as plain JSON values, as a log would give them back."""
        return [encode_event(event) for event in self.events]


class FanOutSink:
    """Hands every event to several sinks.

    Args:
        sinks: The sinks, in the order they are given an event.
    """

    def __init__(self, *sinks: EventSink) -> None:
        self._sinks = list(sinks)

    def add(self, sink: EventSink) -> None:
        """Hand every later event to one more sink."""
        self._sinks.append(sink)

    def emit(self, event: Event) -> None:
        """Hand the event to every sink."""
        for sink in self._sinks:
            sink.emit(event)


class JsonlSink:
    """Appends each event to a file as one line of JSON, whole and at once; a context manager.

    A line is the event with two keys before it: ``schema`` and ``time`` (UTC, ISO 8601), the only
    thing that may differ between two equal runs. A number that JSON cannot hold is written as the
    string ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``.

    Args:
        path: The file; its folder must exist.
        append: Whether to go on with a file that exists, first cutting off a torn last line;
            otherwise the file must not exist.
        clock: Gives the time an event is written.

    Raises:
        ArtifactError: If the file is in the way, or cannot be written.
    """

    def __init__(
        self, path: Path, *, append: bool = False, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._clock = clock or _now
        self._path = path
        try:
            if append and path.exists():
                _mend_tail(path)
            # Without a buffer: what did not fit on the disk is not tried again behind our back.
            self._file = path.open("ab" if append else "xb", buffering=0)
            self._size = self._file.seek(0, os.SEEK_END)
        except FileExistsError as error:
            message = f"event log must not exist yet, got {path}; append to it or choose another"
            raise ArtifactError(message) from error
        except OSError as error:
            message = f"event log must be writable, got {path}: {error.strerror}"
            raise ArtifactError(message) from error

    def emit(self, event: Event) -> None:
        """Write one line.

        Raises:
            ArtifactError: If there is no room for it, or the file can no longer be written; what
                was written of the line is taken away again.
        """
        written = self._clock().isoformat(timespec="milliseconds")
        line = {"schema": EVENT_SCHEMA, "time": written, **encode_event(event)}
        try:
            text = _write_json(line)
        except ValueError:  # a number that JSON cannot hold, which is rare
            text = _write_json(replace_non_finite(line, name_non_finite))
        self._append(text.encode() + b"\n")

    def sync(self) -> None:
        """Have the system bring what was written to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:  # a disk that is nearly full takes a part
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self._size)
            message = (
                f"event log must be writable, got {error.strerror}: {self._path} holds all events "
                "before; make room and run again"
            )
            raise ArtifactError(message) from error
        self._size += len(line)


def _write_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _now() -> datetime:
    return datetime.now(UTC)


def _mend_tail(path: Path) -> None:
    """Cut off what follows the last line break, or end it with one if it is a whole event."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    tail = data[end:]
    if not tail:
        return
    with path.open("r+b") as file:
        try:
            json.loads(tail)
        except ValueError:
            file.truncate(end)
        else:
            file.seek(0, 2)
            file.write(b"\n")

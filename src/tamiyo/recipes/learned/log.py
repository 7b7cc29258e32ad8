"""TrainingLog: the record of a training, which a stop at any moment leaves fit to go on with."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import (
    EVENT_SCHEMA,
    ArtifactError,
    CheckpointWritten,
    EventsDropped,
    PhasesTimed,
    TrainingFinished,
    TrainingStarted,
)
from tamiyo.model import write_atomically
from tamiyo.telemetry import JsonlSink, parse_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tamiyo.contracts import Event, EventSink
    from tamiyo.learning import PhaseClock

__all__ = ["TrainingLog", "cut_log"]

_ONCE: Final = (
    TrainingStarted,
    CheckpointWritten,
    PhasesTimed,
    EventsDropped,
    TrainingFinished,
)
"""Events of the process that trains; all others happen again when a training is repeated."""

_ONCE_NAMES: Final = frozenset(kind.__name__ for kind in _ONCE)


class TrainingLog:
    """Hands events to the log and to displays; what fails is left out from then on.

    A training in progress comes to the end of its update all the same. Before :meth:`open`, events
    are dropped: nothing that a training is built from has happened in it.

    Args:
        clock: Told how long recording takes.

    Attributes:
        failure: Why something could not be written; ``None`` while all is well.
        repeatable: Events in the log that a repetition of the training would tell again.
    """

    def __init__(self, clock: PhaseClock) -> None:
        self.failure: OSError | None = None
        self.repeatable = 0
        self._clock = clock
        self._log: JsonlSink | None = None
        self._displays: list[EventSink] = []

    def open(self, path: Path, displays: Sequence[EventSink]) -> None:
        """Begin to hand events on.

        Args:
            path: The log, which is gone on with.
            displays: Where else events go; after a first failure none of them is told any more.

        Raises:
            ArtifactError: If the log cannot be written.
        """
        self._log = JsonlSink(path, append=True)
        self._displays = list(displays)

    def emit(self, event: Event) -> None:
        """Write the event, then show it."""
        with self._clock.phase("record"):
            self._write(event)
            try:
                for display in self._displays:
                    display.emit(event)
            except OSError as error:
                self._give_up_displays(error)
            except SystemExit:  # so rich leaves when a pipe breaks
                self._give_up_displays(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))

    def sync(self) -> None:
        """Bring what was written to the disk, so that no checkpoint knows of more than is there."""
        if self._log is not None:
            try:
                self._log.sync()
            except OSError as error:
                self._give_up_log(error)

    def close(self) -> None:
        """Close the log; closing twice does no harm."""
        if self._log is not None:
            self._log.close()
        self._log = None

    def _write(self, event: Event) -> None:
        if self._log is None:
            return
        try:
            self._log.emit(event)
        except ArtifactError as error:
            cause = error.__cause__
            self._give_up_log(cause if isinstance(cause, OSError) else OSError(str(error)))
        else:
            self.repeatable += not isinstance(event, _ONCE)

    def _give_up_log(self, error: OSError) -> None:
        self.failure = self.failure or error
        self.close()

    def _give_up_displays(self, error: OSError) -> None:
        self.failure = self.failure or error
        self._displays = []


def cut_log(path: Path, repeatable: int) -> None:
    """Cut a log to what had happened when a checkpoint was made; all later will happen again.

    What the process told in between, such as that the checkpoint was written, stays.

    Args:
        path: The log.
        repeatable: :attr:`TrainingLog.repeatable` at the checkpoint.

    Raises:
        ArtifactError: If the log is damaged before that point, does not reach it, or cannot be cut.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    kept = bytearray()
    reached = 0
    for number, line in enumerate(lines, start=1):
        name = _read_name(line)
        is_repeatable = name not in _ONCE_NAMES
        if reached == repeatable and (name is None or is_repeatable):
            break
        if name is None:
            shown = line[:40].decode("utf-8", errors="replace")
            message = (
                f"{path} line {number}: must be an event of schema {EVENT_SCHEMA}, got {shown!r}"
            )
            raise ArtifactError(message)
        reached += is_repeatable
        kept += line
    if reached < repeatable:
        message = (
            f"event log must hold {repeatable} events like its checkpoint, got {reached}: {path}"
        )
        raise ArtifactError(message)
    if len(kept) == sum(map(len, lines)):
        return
    try:
        write_atomically(path, bytes(kept))
    except OSError as error:
        message = f"event log must be writable, got {path}: {error.strerror or error}"
        raise ArtifactError(message) from error


def _read_name(line: bytes) -> str | None:
    """Return the name of an event; ``None`` if a line is none, or one without its line break."""
    event = parse_line(line) if line.endswith(b"\n") else None
    if event is None or event.get("schema") != EVENT_SCHEMA:
        return None
    name = event.get("event")
    return name if isinstance(name, str) else None

"""The record of a training: what fails is left out, and cutting it leads back to a checkpoint."""

from __future__ import annotations

import errno

import pytest

from tamiyo.contracts import (
    AlarmKind,
    AlarmRaised,
    ArtifactError,
    CheckpointWritten,
    PhasesTimed,
    TrainingFinished,
)
from tamiyo.learning import PhaseClock
from tamiyo.recipes.learned.log import TrainingLog, cut_log
from tamiyo.telemetry import JsonlSink, MemorySink, read_events

FULL = OSError(errno.ENOSPC, "No space left")
SAVED = CheckpointWritten(updates=1, steps=8, size_bytes=10)
TIMED = PhasesTimed(steps=8, seconds={"other": 1.0})
FINISHED = TrainingFinished(updates=1, steps=8, interrupted=True)


def alarm(number):
    return AlarmRaised(kind=AlarmKind.RATIO_JUMP, message=str(number), steps=number)


class Failing:
    """Raises once it is told of an event."""

    def __init__(self, error, event):
        self._error, self._event = error, event
        self.told = []

    def emit(self, event):
        if event == self._event:
            raise self._error
        self.told.append(event)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def write(path, events, *displays):
    log = TrainingLog(PhaseClock())
    log.open(path, displays)
    for event in events:
        log.emit(event)
    log.close()
    return log


def read(path):
    return [
        event.get("steps") if event["event"] == "AlarmRaised" else event["event"]
        for event in read_events(path).events
    ]


def test_events_before_it_is_opened_are_dropped(path):
    log = TrainingLog(PhaseClock())
    log.emit(alarm(1))
    assert log.repeatable == 0
    log.open(path, [])
    log.close()
    assert read(path) == []


def test_only_what_a_repetition_would_tell_is_counted(path):
    log = write(path, [alarm(1), SAVED, TIMED, alarm(2), FINISHED])
    assert (log.repeatable, log.failure) == (2, None)


@pytest.mark.parametrize("error", [FULL, SystemExit(1)])
def test_a_display_that_fails_is_told_no_more_but_the_log_is(path, error):
    display, other = Failing(error, alarm(2)), MemorySink()
    log = write(path, [alarm(1), alarm(2), alarm(3)], display, other)
    assert read(path) == [1, 2, 3]
    assert display.told == [alarm(1)]
    assert isinstance(log.failure, OSError)


def test_a_log_that_fails_is_written_no_more_but_displays_are_told(path, monkeypatch):
    emit = JsonlSink.emit

    def fail(sink, event):
        if event == alarm(2):
            raise ArtifactError("event log must be writable") from FULL
        emit(sink, event)

    monkeypatch.setattr(JsonlSink, "emit", fail)
    display = MemorySink()
    log = write(path, [alarm(1), alarm(2), alarm(3)], display)
    assert read(path) == [1]
    assert (log.repeatable, log.failure) == (1, FULL)
    assert display.events == [alarm(1), alarm(2), alarm(3)]


def test_the_time_it_takes_is_counted(path):
    now = iter(range(100))
    clock = PhaseClock(lambda: float(next(now)))
    log = TrainingLog(clock)
    log.emit(alarm(1))
    assert clock.take()["record"] == 1.0


def test_a_cut_keeps_what_came_before_and_what_the_process_told_then(path):
    write(path, [alarm(1), alarm(2), TIMED, SAVED, alarm(3), TIMED, alarm(4)])
    cut_log(path, 2)
    assert read(path) == [1, 2, "PhasesTimed", "CheckpointWritten"]


def test_a_cut_at_the_end_takes_away_half_an_event(path):
    write(path, [alarm(1), SAVED])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"schema":3,"ev')
    cut_log(path, 1)
    assert path.read_bytes() == whole


def test_a_cut_where_nothing_is_left_over_does_not_touch_the_file(path):
    write(path, [alarm(1), SAVED])
    before = path.stat().st_ino
    cut_log(path, 1)
    assert path.stat().st_ino == before


def test_a_log_that_is_too_short_is_refused_and_left(path):
    write(path, [alarm(1)])
    with pytest.raises(ArtifactError, match="must hold 2 events like its checkpoint, got 1"):
        cut_log(path, 2)
    assert read(path) == [1]


def test_a_log_that_is_missing_is_refused(path):
    with pytest.raises(ArtifactError, match="must hold 1 events like its checkpoint, got 0"):
        cut_log(path, 1)


@pytest.mark.parametrize("line", [b"torn\n", b'{"schema": 2, "event": "X"}\n', b"\xff\n", b"[]\n"])
def test_damage_before_the_cut_is_refused_with_its_line(path, line):
    write(path, [alarm(1), alarm(2)])
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + second)
    with pytest.raises(ArtifactError, match=r"events.jsonl line 2: must be an event of schema 3"):
        cut_log(path, 2)

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tamiyo.contracts import ArtifactError, TamiyoInitiated, encode_event
from tamiyo.telemetry import FanOutSink, JsonlSink, MemorySink, read_events
from tests.support.events import build_one_of_each, build_run

EVENT = TamiyoInitiated(environment=0, epoch=6)
NEXT = TamiyoInitiated(environment=0, epoch=7)


def fixed_clock():
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write(path, events, **options):
    with JsonlSink(path, **options) as sink:
        for event in events:
            sink.emit(event)


@pytest.mark.parametrize("event", build_one_of_each(), ids=lambda event: type(event).__name__)
def test_every_event_survives_the_way_through_a_file(event, tmp_path):
    write(tmp_path / "events.jsonl", [event])
    (read,) = read_events(tmp_path / "events.jsonl").events
    assert read.pop("schema") == 3
    assert datetime.fromisoformat(read.pop("time")).tzinfo is not None
    assert read == encode_event(event)


def test_a_line_begins_with_schema_time_and_event(tmp_path):
    write(tmp_path / "events.jsonl", [EVENT], clock=fixed_clock)
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == (
        '{"schema":3,"time":"2026-01-02T03:04:05.000+00:00",'
        '"event":"TamiyoInitiated","environment":0,"epoch":6}\n'
    )


def test_equal_runs_write_equal_bytes_but_for_the_time(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, build_run(), clock=fixed_clock)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_event_is_in_the_file_before_the_sink_is_closed(tmp_path):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        sink.emit(EVENT)
        assert len(read_events(tmp_path / "events.jsonl").events) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_json_cannot_hold_is_written_as_a_string_that_float_reads(number, tmp_path):
    event = build_one_of_each()[-3]
    event = replace(event, measured=replace(event.measured, control_loss=number))
    write(tmp_path / "events.jsonl", [event])
    line = (tmp_path / "events.jsonl").read_text(encoding="utf-8")
    read = json.loads(line, parse_constant=pytest.fail)
    assert repr(float(read["measured"]["control_loss"])) == repr(number)


def test_a_sink_refuses_a_file_that_exists(tmp_path):
    write(tmp_path / "events.jsonl", [EVENT])
    with pytest.raises(ArtifactError, match=r"must not exist yet, got .*events\.jsonl"):
        JsonlSink(tmp_path / "events.jsonl")


def test_a_sink_refuses_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ArtifactError, match=r"must be writable, got .*missing/events\.jsonl: No"):
        JsonlSink(tmp_path / "missing" / "events.jsonl")


def test_a_log_that_ends_with_a_line_break_is_not_changed_by_opening_it(tmp_path):
    write(tmp_path / "events.jsonl", [EVENT])
    before = (tmp_path / "events.jsonl").read_bytes()
    write(tmp_path / "events.jsonl", [], append=True)
    assert (tmp_path / "events.jsonl").read_bytes() == before


def test_appending_goes_on_after_the_last_event(tmp_path):
    for event in (EVENT, NEXT):
        write(tmp_path / "events.jsonl", [event], append=True)
    assert [e["epoch"] for e in read_events(tmp_path / "events.jsonl").events] == [6, 7]


@pytest.mark.parametrize(("cut", "epochs"), [(10, [7]), (1, [6, 7])])
def test_appending_cuts_off_a_torn_line_and_ends_a_whole_one(cut, epochs, tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, [EVENT])
    path.write_bytes(path.read_bytes()[:-cut])
    write(path, [NEXT], append=True)
    log = read_events(path)
    assert ([e["epoch"] for e in log.events], log.is_torn) == (epochs, False)


class NearlyFull:
    """A file on a disk with little room."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, data):
        if not self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(self._room, len(data))
        self._room -= taken
        return self._file.write(bytes(data[:taken]))

    def truncate(self, size):
        self._file.truncate(size)

    def close(self):
        self._file.close()


def test_a_full_disk_is_told_in_one_line_and_leaves_whole_events(tmp_path):
    path = tmp_path / "events.jsonl"
    with JsonlSink(path) as sink:
        sink.emit(EVENT)
        before = path.read_bytes()
        sink._file = NearlyFull(sink._file, room=10)
        with pytest.raises(
            ArtifactError, match=r"got No space left on device: .* holds all events"
        ):
            sink.emit(NEXT)
    assert path.read_bytes() == before


def test_a_disk_that_takes_a_part_at_a_time_gets_the_whole_line(tmp_path):
    path = tmp_path / "events.jsonl"

    class Slow(NearlyFull):
        def write(self, data):
            return super().write(data[:7])

    with JsonlSink(path) as sink:
        sink._file = Slow(sink._file, room=10_000)
        sink.emit(EVENT)
        sink.emit(NEXT)
    assert [event["epoch"] for event in read_events(path).events] == [6, 7]


def test_what_was_written_is_brought_to_the_disk_on_demand(tmp_path, monkeypatch):
    brought = []
    monkeypatch.setattr(os, "fsync", brought.append)
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        sink.sync()
        assert brought == [sink._file.fileno()]


def test_fan_out_gives_every_sink_every_event():
    first, second = MemorySink(), MemorySink()
    FanOutSink(first, second).emit(EVENT)
    assert first.events == second.events == [EVENT]


def test_a_memory_sink_encodes_what_it_kept():
    sink = MemorySink()
    sink.emit(EVENT)
    assert sink.encode() == [{"event": "TamiyoInitiated", "environment": 0, "epoch": 6}]


def test_a_sink_added_later_gets_the_events_from_then_on():
    first, late = MemorySink(), MemorySink()
    fan_out = FanOutSink(first)
    fan_out.emit(EVENT)
    fan_out.add(late)
    fan_out.emit(NEXT)
    assert (first.events, late.events) == ([EVENT, NEXT], [NEXT])

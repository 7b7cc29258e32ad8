from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import EventScan, JsonlSink, read_events
from tests.support.events import build_run


@pytest.fixture
def log_path(tmp_path):
    path = tmp_path / "events.jsonl"
    with JsonlSink(path) as sink:
        for event in build_run():
            sink.emit(event)
    return path


def test_a_whole_log_is_gone_through_in_order(log_path):
    scan = EventScan(log_path)
    assert list(scan) == read_events(log_path).events
    assert scan.describe_gaps() == ""


def test_a_log_of_many_portions_is_gone_through_to_its_end(log_path):
    log_path.write_bytes(log_path.read_bytes() * 12)
    assert sum(1 for _ in EventScan(log_path)) == 12 * len(build_run())


def test_what_is_left_out_is_said(log_path):
    first, second, *rest = log_path.read_bytes().splitlines(keepends=True)
    log_path.write_bytes(b"".join([first, second[:40] + b"\n", *rest])[:-9])
    scan = EventScan(log_path)
    assert len(list(scan)) == len(build_run()) - 2
    assert (scan.damaged_count, scan.is_torn) == (1, True)
    assert scan.describe_gaps() == "left out of the log: 1 damaged line and a torn last event"


def test_a_file_without_any_event_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("not\nan event\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match="must hold events, got 'not' as line 1"):
        list(EventScan(path))


def test_a_log_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="must be a readable file, got"):
        list(EventScan(tmp_path / "events.jsonl"))

from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import DamagedLine, JsonlSink, read_events
from tests.support.events import build_one_of_each


@pytest.fixture
def log_path(tmp_path):
    path = tmp_path / "events.jsonl"
    with JsonlSink(path) as sink:
        for event in build_one_of_each():
            sink.emit(event)
    return path


def replace_line(path, number, text):
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_whole_log_is_read_in_order_and_is_not_torn(log_path):
    log = read_events(log_path)
    assert [e["event"] for e in log.events] == [type(e).__name__ for e in build_one_of_each()]
    assert log.is_torn is False
    assert log.damaged_count == 0


def test_a_torn_last_line_is_left_out_and_reported(log_path):
    log_path.write_bytes(log_path.read_bytes()[:-20])
    log = read_events(log_path)
    assert len(log.events) == len(build_one_of_each()) - 1
    assert log.is_torn is True


def test_a_whole_last_line_without_a_line_break_counts(log_path):
    log_path.write_bytes(log_path.read_bytes().rstrip(b"\n"))
    log = read_events(log_path)
    assert (len(log.events), log.is_torn) == (len(build_one_of_each()), False)


def test_an_empty_log_holds_no_event(tmp_path):
    (tmp_path / "events.jsonl").touch()
    assert read_events(tmp_path / "events.jsonl").events == []


@pytest.mark.parametrize("text", ['{"schema": 3, "ev', "[1, 2]", "", '{"schema": 3, "event": 4}'])
def test_a_damaged_line_is_left_out_and_reported_with_its_number(log_path, text):
    replace_line(log_path, 3, text)
    log = read_events(log_path)
    assert len(log.events) == len(build_one_of_each()) - 1
    assert log.damaged_lines == (DamagedLine(number=3, text=text),)
    assert log.is_torn is False


@pytest.mark.parametrize(
    ("text", "found"), [('{"schema": 1, "event": "X"}', "1"), ('{"event": "X"}', "None")]
)
def test_an_event_of_another_schema_is_refused(log_path, text, found):
    replace_line(log_path, 3, text)
    with pytest.raises(
        ArtifactError, match=rf"events\.jsonl line 3: schema must be 3, got {found}"
    ):
        read_events(log_path)


def test_a_damaged_last_line_that_was_written_to_its_end_is_not_torn_but_damaged(log_path):
    replace_line(log_path, len(build_one_of_each()), "nonsense")
    log = read_events(log_path)
    assert log.damaged_lines == (DamagedLine(number=len(build_one_of_each()), text="nonsense"),)
    assert log.is_torn is False


def test_a_log_of_another_schema_without_a_last_line_break_is_refused(tmp_path):
    (tmp_path / "events.jsonl").write_text('{"schema": 9, "event": "X"}', encoding="utf-8")
    with pytest.raises(ArtifactError, match="line 1: schema must be 3, got 9"):
        read_events(tmp_path / "events.jsonl")


def test_bytes_that_are_no_text_are_left_out(log_path):
    log_path.write_bytes(b"\xff\xfe\n" + log_path.read_bytes())
    log = read_events(log_path)
    assert log.damaged_lines == (DamagedLine(number=1, text="��"),)
    assert len(log.events) == len(build_one_of_each())


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "events.jsonl").write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match="must hold events, got 'epoch,loss' as line 1"):
        read_events(tmp_path / "events.jsonl")


def test_a_missing_log_is_refused_by_name(tmp_path):
    with pytest.raises(ArtifactError, match=r"must be a readable file, got .*gone\.jsonl: No such"):
        read_events(tmp_path / "gone.jsonl")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"must be a readable file, got .*: Is a directory"):
        read_events(tmp_path)

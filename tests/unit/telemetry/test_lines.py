"""Lines of a log: their beginnings, their contents, and what they are refused for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import JsonlSink
from tamiyo.telemetry.lines import (
    LineHead,
    check_fields,
    check_schema,
    parse_line,
    read_head,
    refuse_foreign,
    shorten_line,
)
from tests.support.events import build_one_of_each

LOG = Path("events.jsonl")


def test_the_beginning_of_every_event_says_what_the_whole_says(tmp_path):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        for event in build_one_of_each():
            sink.emit(event)
    for line in (tmp_path / "events.jsonl").read_bytes().splitlines():
        whole, head = parse_line(line), read_head(line)
        assert head == LineHead(
            whole["schema"], whole["time"], whole["event"], whole.get("environment")
        )


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b'{"event":"X","schema":3}', b'{"schema":3,"ti']
)
def test_other_beginnings_say_nothing(line):
    assert read_head(line) is None


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b'{"a":1', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_none(line):
    assert parse_line(line) is None


def test_another_schema_is_refused_with_its_line():
    check_schema(LOG, 7, 3)
    with pytest.raises(ArtifactError, match=r"events\.jsonl line 7: schema must be 3, got None"):
        check_schema(LOG, 7, None)


@pytest.mark.parametrize(
    ("line", "shown"),
    [(b"short\n", "short"), (b"x" * 500, "x" * 80), ("ü".encode() * 500, "ü" * 80), (b"\xff", "�")],
)
def test_a_line_is_shown_by_its_first_eighty_characters(line, shown):
    assert shorten_line(line) == shown


def test_a_file_of_something_else_is_refused_by_its_first_line():
    with pytest.raises(
        ArtifactError, match=r"must hold events, got 'a,b' as line 2: events\.jsonl"
    ):
        refuse_foreign(LOG, 2, "a,b")


def test_an_event_without_the_fields_of_its_kind_is_refused_with_its_place():
    with pytest.raises(ArtifactError, match=r"line 3 must hold a complete PhasesTimed: .* got s"):
        check_fields({"event": "PhasesTimed", "time": "", "schema": 3, "steps": 1}, "line 3")


def test_an_event_of_a_later_version_may_have_any_fields():
    check_fields({"event": "Tomorrow", "steps": "many"}, "line 3")


def test_a_number_of_too_many_digits_is_no_head():
    assert read_head(b'{"schema": ' + b"9" * 5000 + b', "time": "", "event": "A"}') is None

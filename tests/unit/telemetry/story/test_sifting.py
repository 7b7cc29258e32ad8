"""LogSieve: events of a log without reading them in full."""

from __future__ import annotations

import json

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import EventFollower
from tamiyo.telemetry.story.sifting import LogSieve
from tests.support.stories import build_whole_run, build_whole_training, write_log


def sift(log):
    sieve = LogSieve(log)
    return sieve, list(sieve)


@pytest.mark.parametrize("build", [build_whole_run, build_whole_training])
def test_every_event_is_found_with_its_name_environment_and_time(tmp_path, build):
    log = write_log(tmp_path / "events.jsonl", build())
    sieve, found = sift(log)
    whole = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one.name, one.time) for one in found] == [(e["event"], e["time"]) for e in whole]
    assert [one.environment for one in found] == [e.get("environment") for e in whole]
    assert [sieve.read(one) for one in found] == whole
    assert (sieve.damaged_numbers, sieve.is_torn, sieve.is_empty) == ([], False, False)


def test_events_are_found_whatever_order_and_spaces_another_writer_chose(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    events = [json.loads(line) for line in log.read_text().splitlines()]
    ways = (json.dumps, lambda event: json.dumps(event, sort_keys=True))
    for write in ways:
        log.write_text("\n".join(map(write, events)) + "\n")
        assert [one.name for one in sift(log)[1]] == [event["event"] for event in events]


def test_events_as_they_are_written_are_not_decoded(tmp_path, monkeypatch):
    log = write_log(tmp_path / "events.jsonl", build_whole_training())
    monkeypatch.setattr("tamiyo.telemetry.lines.json.loads", None)
    assert len(sift(log)[1]) == len(build_whole_training())


DAMAGES = {
    "half a line": lambda line: line[: len(line) // 2],
    "half a line and a whole one": lambda line: line[: len(line) // 2] + line,
    "no JSON": lambda _line: b"killed",
    "nothing": lambda _line: b"",
    "zeros": lambda line: b"\0" * len(line),
    "zeros in it": lambda line: line[:200] + b"\0" * 9 + line[209:],
    "a list": lambda _line: b"[1]",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_is_left_out_as_the_follower_leaves_it_out(tmp_path, damage):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    lines = log.read_bytes().splitlines()
    lines[20] = DAMAGES[damage](lines[20])
    log.write_bytes(b"\n".join(lines) + b"\n")
    sieve, found = sift(log)
    follower = EventFollower(log)
    events = follower.poll()
    assert sieve.damaged_numbers == [21]
    assert follower.damaged_count == 1
    assert [one.name for one in found] == [event["event"] for event in events]


def test_damage_in_the_middle_of_an_event_is_noticed_when_it_is_read(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    lines = log.read_bytes().splitlines()
    lines[20] = lines[20].replace(b'"command":', b'"command"', 1)
    log.write_bytes(b"\n".join(lines) + b"\n")
    sieve, found = sift(log)
    assert sieve.damaged_numbers == []
    assert sieve.read(found[20]) is None
    assert sieve.damaged_numbers == [21]


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_torn_last_line_is_no_damage(tmp_path, cut):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    content = log.read_bytes()
    log.write_bytes(content[:-cut])
    sieve, found = sift(log)
    follower = EventFollower(log)
    events = follower.poll()
    assert sieve.is_torn == follower.is_torn == (cut > 1)
    assert len(found) == len(events)


def test_another_schema_is_refused_with_its_line(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    lines = log.read_text().splitlines()
    lines[3] = lines[3].replace('"schema":3', '"schema":2', 1)
    log.write_text("\n".join(lines))
    with pytest.raises(ArtifactError, match="line 4: schema must be 3, got 2"):
        sift(log)


def test_a_file_of_something_else_is_refused(tmp_path):
    log = tmp_path / "events.jsonl"
    log.write_text("name,score\nfirst,3\n")
    with pytest.raises(ArtifactError, match="must hold events, got 'name,score"):
        sift(log)
    with pytest.raises(ArtifactError, match="must be a readable file"):
        sift(tmp_path / "missing.jsonl")

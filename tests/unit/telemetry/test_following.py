"""EventFollower: what it gives of a log that grows, is torn, damaged, cut or replaced."""

from __future__ import annotations

import json

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import DamagedLine, EventFollower


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def build_line(number, **more):
    return json.dumps({"schema": 3, "time": "t", "event": "X", "number": number, **more}) + "\n"


def append(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def numbers(events):
    return [event["number"] for event in events]


def test_events_are_given_once_as_they_come(path):
    follower = EventFollower(path)
    append(path, build_line(1))
    assert numbers(follower.poll()) == [1]
    assert follower.poll() == []
    append(path, build_line(2) + build_line(3))
    assert numbers(follower.poll()) == [2, 3]


def test_a_log_that_does_not_exist_yet_gives_nothing(path):
    follower = EventFollower(path)
    assert follower.poll() == []
    append(path, build_line(1))
    assert numbers(follower.poll()) == [1]
    assert follower.restarts == 0


def test_half_a_line_is_torn_until_its_rest_comes(path):
    line = build_line(1)
    follower = EventFollower(path)
    append(path, line[:20])
    assert follower.poll() == []
    assert follower.is_torn
    append(path, line[20:])
    assert numbers(follower.poll()) == [1]
    assert not follower.is_torn
    assert follower.damaged_count == 0


def test_a_whole_event_without_its_line_break_is_given_once(path):
    follower = EventFollower(path)
    append(path, build_line(1).rstrip("\n"))
    assert numbers(follower.poll()) == [1]
    append(path, "\n" + build_line(2) + "oops\n")
    assert numbers(follower.poll()) == [2]
    assert follower.damaged_lines == (DamagedLine(number=3, text="oops"),)


def test_a_line_that_another_writer_went_on_after_is_skipped_and_counted(path):
    append(path, build_line(1) + build_line(2)[:25] + build_line(3) + build_line(4))
    follower = EventFollower(path)
    assert numbers(follower.poll()) == [1, 4]
    assert [line.number for line in follower.damaged_lines] == [2]
    assert follower.damaged_lines[0].text.startswith('{"schema": 3')


def test_only_the_beginnings_of_the_first_hundred_damaged_lines_are_kept(path):
    append(path, ("x" * 1_000 + "\n") * 150)
    follower = EventFollower(path)
    follower.poll()
    assert (len(follower.damaged_lines), follower.damaged_count) == (100, 150)
    assert len(follower.damaged_lines[0].text) == 80


def test_deeply_nested_brackets_are_damage_and_no_crash(path):
    append(path, "[" * 100_000 + "\n" + build_line(1))
    assert numbers(EventFollower(path).poll()) == [1]


def test_a_portion_ends_with_a_whole_line_and_more_is_left(path):
    append(path, "".join(map(build_line, range(10))))
    follower = EventFollower(path, portion_bytes=len(build_line(0)) + 5)
    assert numbers(follower.poll()) == [0, 1]
    assert follower.has_more
    found = []
    while follower.has_more:
        found += follower.poll()
    assert numbers(found) == list(range(2, 10))


def test_an_end_of_a_portion_is_not_torn(path):
    append(path, build_line(0) + build_line(1)[:10])
    follower = EventFollower(path, portion_bytes=5)
    follower.poll()
    assert (follower.has_more, follower.is_torn) == (True, False)
    follower.poll()
    assert (follower.has_more, follower.is_torn) == (False, True)


def test_a_log_that_was_cut_is_read_anew(path):
    append(path, build_line(1) + build_line(2))
    follower = EventFollower(path)
    follower.poll()
    path.write_text(build_line(1), encoding="utf-8")
    assert numbers(follower.poll()) == [1]
    assert follower.restarts == 1


def test_a_log_that_was_replaced_by_a_longer_one_is_read_anew(path, tmp_path):
    append(path, "oops\n" + build_line(1))
    follower = EventFollower(path)
    follower.poll()
    other = tmp_path / "other"
    append(other, build_line(7) + build_line(8) + build_line(9))
    other.replace(path)
    assert numbers(follower.poll()) == [7, 8, 9]
    assert (follower.restarts, follower.damaged_count) == (1, 0)


def test_only_the_events_asked_for_are_given_and_damage_is_counted_all_the_same(path):
    compact = (",", ":")
    for name in "ABA":
        line = {"schema": 3, "time": "t", "event": name, "number": 1}
        append(path, json.dumps(line, separators=compact) + "\n")
    append(path, json.dumps({"schema": 3, "time": "t", "event": "B"}) + "\noops\n")
    append(path, '{"schema":3,"time":"t","event":"B","nu')
    follower = EventFollower(path, kinds=["A"])
    assert [event["event"] for event in follower.poll()] == ["A", "A"]
    assert follower.damaged_lines == (DamagedLine(number=5, text="oops"),)
    assert follower.is_torn


def test_a_line_that_another_writer_went_on_after_is_damage_whatever_is_asked_for(path):
    append(path, '{"schema":3,"time":"t{"schema":3,"time":"t","event":"B"}\n')
    follower = EventFollower(path, kinds=["A"])
    assert follower.poll() == []
    assert follower.damaged_count == 1


def test_an_event_of_another_schema_is_refused_with_its_line(path):
    append(path, build_line(1) + '{"schema": 2, "event": "X"}\n')
    with pytest.raises(ArtifactError, match=r"events\.jsonl line 2: schema must be 3, got 2"):
        EventFollower(path).poll()


def test_a_log_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"must be a readable file, got .*: Is a directory"):
        EventFollower(tmp_path).poll()

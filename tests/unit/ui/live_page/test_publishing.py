from __future__ import annotations

import json

import pytest

from tamiyo.contracts import ArtifactError, SeedStage
from tamiyo.telemetry import JsonlSink
from tamiyo.ui.live_page.feed import StateFeed
from tamiyo.ui.live_page.publishing import LogPublisher
from tests.support.events import build_one_of_each, build_run


def write(path, events, *, append=False):
    with JsonlSink(path, append=append) as sink:
        for event in events:
            sink.emit(event)


def publish(path):
    """Publish once; return the publisher and what it published."""
    feed = StateFeed()
    publisher = LogPublisher(path, feed)
    publisher.step()
    return publisher, feed


def read(feed):
    return json.loads(feed.newest.text)


def test_a_log_that_is_not_there_is_waited_for(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    publisher, feed = publish(path)
    assert read(feed)["log"]["is_there"] is False
    assert read(feed)["state"]["kind"] == "nothing"
    path.parent.mkdir()
    write(path, build_run(epochs=3, is_finished=False))
    publisher.step()
    assert read(feed)["log"]["is_there"] is True
    assert read(feed)["state"]["done"] == 3


def test_a_log_is_called_by_its_run_folder_or_its_own_name(tmp_path):
    assert read(publish(tmp_path / "my-run" / "events.jsonl")[1])["run"] == "my-run"
    assert read(publish(tmp_path / "copy.jsonl")[1])["run"] == "copy.jsonl"


def test_a_run_that_goes_on_is_published_again(tmp_path):
    path = tmp_path / "events.jsonl"
    events = build_run(epochs=12, is_finished=False)
    write(path, events[:-20])
    publisher, feed = publish(path)
    before = read(feed)["state"]["events"]
    write(path, events[-20:], append=True)
    publisher.step()
    assert read(feed)["state"]["events"] == before + 20
    assert feed.newest.number == 2


def test_nothing_new_is_no_news(tmp_path):
    write(tmp_path / "events.jsonl", build_run(epochs=2, is_finished=False))
    publisher, feed = publish(tmp_path / "events.jsonl")
    publisher.step()
    assert feed.newest.number == 1


def test_every_stage_has_a_label_and_a_color(tmp_path):
    stages = read(publish(tmp_path / "events.jsonl")[1])["stages"]
    assert stages["FOSSILIZED"] == {"label": "fossilized", "color": "#009E73"}
    assert set(stages) <= {stage.name for stage in SeedStage}


def test_a_torn_line_and_a_damaged_one_are_told(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, build_run(epochs=2, is_finished=False))
    with path.open("a") as file:
        file.write('{"schema": 3, "ev\n{"schema": 3, "event": "Epo')
    log = read(publish(path)[1])["log"]
    assert (log["is_torn"], log["damaged_count"]) == (True, 1)
    assert len(log["damaged_lines"]) == 1


def test_a_log_that_was_replaced_is_shown_anew(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, build_run(epochs=20, is_finished=False))
    publisher, feed = publish(path)
    write(tmp_path / "other", build_run(epochs=2, is_finished=False))
    (tmp_path / "other").replace(path)
    publisher.step()
    assert read(feed)["state"]["done"] == 2


def test_numbers_that_are_not_finite_are_null_and_never_break_the_page(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, build_one_of_each())
    path.write_text(path.read_text().replace('"loss": 0.5', '"loss": "NaN"'))
    text = publish(path)[1].newest.text
    assert "NaN" not in text.replace('"NaN"', "")


def test_a_log_of_another_schema_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"schema": 2, "event": "RunStarted"}\n')
    with pytest.raises(ArtifactError, match="schema must be 3, got 2"):
        publish(path)


def test_a_long_log_is_published_twice_a_second_while_it_is_read(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, [event for _ in range(14) for event in build_run(is_finished=False)])
    seconds, feed = [0.0], StateFeed()
    publisher = LogPublisher(path, feed, clock=lambda: seconds[0])
    assert publisher.step()
    assert read(feed)["log"]["is_read"] is False
    while publisher.step():
        pass
    assert feed.newest.number == 2
    assert read(feed)["log"]["is_read"] is True


def test_following_ends_when_the_feed_is_closed(tmp_path):
    feed = StateFeed()
    feed.close()
    LogPublisher(tmp_path / "events.jsonl", feed).follow()
    assert feed.newest is None

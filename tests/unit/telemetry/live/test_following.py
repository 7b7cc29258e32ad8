"""LiveFollower: a run as it stands while its log grows, or is replaced."""

from __future__ import annotations

import json

from tamiyo.contracts import EVENT_SCHEMA, encode_event
from tamiyo.telemetry import LiveFollower
from tests.support.events import build_run
from tests.support.live import build_training


def write(path, events, mode="a"):
    with path.open(mode, encoding="utf-8") as file:
        for event in events:
            file.write(json.dumps({"schema": EVENT_SCHEMA, **encode_event(event)}) + "\n")


def test_a_log_that_grows_is_followed(tmp_path):
    path, events = tmp_path / "events.jsonl", build_run()
    follower = LiveFollower(path)
    follower.take()
    assert follower.freeze().kind == "nothing"
    write(path, events[:10])
    follower.take()
    assert (follower.freeze().kind, follower.freeze().events) == ("run", 10)
    write(path, events[10:])
    follower.take()
    assert follower.freeze().is_finished


def test_a_log_that_is_replaced_begins_anew(tmp_path):
    path = tmp_path / "events.jsonl"
    follower = LiveFollower(path)
    write(path, build_run())
    follower.take()
    path.unlink()
    write(path, build_training()[:3])
    follower.take()
    state = follower.freeze()
    assert (state.kind, state.events) == ("training", 3)
    assert state.environments == ()

from __future__ import annotations

import copy

import pytest

from tamiyo.contracts import TamiyoInitiated, encode_event
from tamiyo.recipes.replaying.comparing import compare_events
from tests.support.events import build_run, build_twin

EVENTS = [encode_event(event) for event in build_run() if not isinstance(event, TamiyoInitiated)]


def change(number, *path, to):
    events = copy.deepcopy(EVENTS)
    inner = events[number]
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return events


def test_equal_events_are_equal_whenever_they_were_written():
    written = [{**event, "time": "2026", "schema": 3} for event in EVENTS]
    compared = compare_events(EVENTS, written)
    assert (compared.equal, compared.difference) == (len(EVENTS), None)


def test_the_first_difference_is_found_with_the_way_to_it():
    number = next(n for n, event in enumerate(EVENTS) if event["event"] == "EpochCompleted")
    before = EVENTS[number]["measured"]["control_loss"]
    after = change(number, "measured", "control_loss", to=before + 1e-16 * before + 1e-15)
    compared = compare_events(EVENTS, after)
    difference = compared.difference
    assert compared.equal == number
    assert (difference.event, difference.epoch) == ("EpochCompleted", 1)
    assert difference.field == "measured.control_loss"
    assert difference.recorded == before != difference.replayed


def test_items_of_lists_are_compared():
    number = next(n for n, event in enumerate(EVENTS) if event["event"] == "EpochCompleted")
    after = change(number, "host", "slots", 1, "cooldown_epochs", to=4)
    assert compare_events(EVENTS, after).difference.field == "host.slots.1.cooldown_epochs"
    shorter = change(number, "host", "slots", to=[])
    assert compare_events(EVENTS, shorter).difference.field == "host.slots"


@pytest.mark.parametrize(
    ("kind", "name"), [("RunStarted", "config_hash"), ("DecisionMade", "evidence")]
)
def test_what_only_the_controller_knows_is_not_compared(kind, name):
    number = next(n for n, event in enumerate(EVENTS) if event["event"] == kind)
    assert compare_events(EVENTS, change(number, name, to="other")).difference is None


def test_a_log_may_hold_more_kinds_and_end_early():
    twin = encode_event(build_twin())
    assert compare_events([*EVENTS, twin, {"event": "Later"}], EVENTS).difference is None
    assert compare_events(EVENTS[:20], EVENTS).equal == 20


def test_a_replay_that_ends_early_differs():
    compared = compare_events(EVENTS, EVENTS[:20])
    assert compared.equal == 20
    assert compared.difference.field == "event"
    assert compared.difference.replayed is None

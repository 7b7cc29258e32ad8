"""Events: every type has a plain form, and the null sink drops them all."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import get_args

import pytest

from tamiyo.contracts import (
    EVENT_SCHEMA,
    Event,
    NullSink,
    TwinTrained,
    encode_event,
)
from tests.support.events import build_one_of_each

TWIN = TwinTrained(
    environment=0,
    control_accuracies=(10.0, 40.0),
    test_accuracy=39.0,
    parameters=211,
    multiply_adds=1000,
)
EVENTS = [*(event for event in build_one_of_each() if type(event) is not TwinTrained), TWIN]


def name_of(event):
    return type(event).__name__


def test_there_is_an_example_of_every_type():
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_an_event_is_the_same_after_a_way_through_json(event):
    plain = encode_event(event)
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_the_plain_form_holds_the_type_and_every_field(event):
    assert set(encode_event(event)) == {"event", *(item.name for item in fields(event))}
    assert encode_event(event)["event"] == name_of(event)


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_the_null_sink_takes_every_event(event):
    assert NullSink().emit(event) is None


def test_the_schema_was_raised_when_accuracies_became_points():
    assert EVENT_SCHEMA == 3

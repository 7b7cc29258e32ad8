"""Events that begin and end: what they say in their plain form."""

from __future__ import annotations

import json

import pytest

from tamiyo.contracts import encode_event
from tests.support.events import BITS, build_run, build_twin


def name_of(event):
    return type(event).__name__


@pytest.mark.parametrize(
    "event", [build_run(epochs=0, has_test=False)[-1], build_twin(has_test=False)], ids=name_of
)
def test_an_accuracy_that_was_not_measured_is_none(event):
    assert json.loads(json.dumps(encode_event(event)))["test_accuracy"] is None


def test_the_start_says_what_accuracies_are_measured_in():
    plain = encode_event(build_run(epochs=0, metric=BITS)[0])
    assert plain["metric"] == {"name": "bits per byte", "best": 0.0, "worst": 8.0}

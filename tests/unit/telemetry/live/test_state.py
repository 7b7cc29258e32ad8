"""The live state is plain JSON, whatever of it is known."""

from __future__ import annotations

import json

from tamiyo.contracts import encode_event, encode_record
from tamiyo.telemetry.live import LiveFold
from tests.support.events import build_one_of_each, build_run


def test_a_state_is_json_before_the_first_event_and_after_any():
    fold = LiveFold()
    assert json.loads(json.dumps(encode_record(fold.freeze())))["total"] is None
    for event in (*build_run(), *build_one_of_each()):
        fold.take(encode_event(event))
        json.dumps(encode_record(fold.freeze()), allow_nan=False)

"""What an update measured, as plain JSON values."""

from __future__ import annotations

import json

from tamiyo.contracts import encode_record
from tests.support.updates import build_update


def test_an_update_becomes_plain_values_and_keeps_what_is_unknown_apart_from_zero():
    plain = encode_record(build_update())
    assert json.loads(json.dumps(plain)) == plain
    unused = plain["heads"]["blueprint"]
    assert (unused["entropy"], unused["clip_fraction"]) == (None, None)
    assert unused["used_fraction"] == 0.0

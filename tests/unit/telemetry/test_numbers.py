"""Numbers that JSON cannot hold."""

from __future__ import annotations

import json
import math

import pytest

from tamiyo.telemetry.numbers import name_non_finite, read_number, replace_non_finite


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_stands_for_a_number_is_read_back(value):
    assert repr(read_number(name_non_finite(value))) == repr(value)


def test_what_is_unknown_stays_unknown():
    assert read_number(None) is None


def test_numbers_are_replaced_wherever_they_stand_and_nothing_else_is():
    plain = {"a": [1.5, math.nan, {"b": -math.inf}], "c": "x", "d": None, "e": True}
    named = replace_non_finite(plain, name_non_finite)
    assert named == {"a": [1.5, "NaN", {"b": "-Infinity"}], "c": "x", "d": None, "e": True}
    json.dumps(replace_non_finite(plain, lambda _: None), allow_nan=False)

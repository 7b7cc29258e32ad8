"""Records become plain JSON values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from tamiyo.contracts import SeedStage, Style, encode_record, encode_value
from tests.support.reports import build_gain, build_host_report, build_slot_report


@dataclass(frozen=True)
class Box:
    value: object


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (SeedStage.HOLDING, "HOLDING"),
        ((1, 2.5, None), [1, 2.5, None]),
        (frozenset({"one"}), ["one"]),
        ({Style.GATED_GATE: (SeedStage.PRUNED,)}, {"GATED_GATE": ["PRUNED"]}),
        ({3: "three"}, {"3": "three"}),
        (Box(Box(True)), {"value": {"value": True}}),
        (PurePosixPath("runs/one"), "runs/one"),
    ],
)
def test_a_value_becomes_plain(value, plain):
    assert encode_value(value) == plain


def test_a_record_of_records_is_what_json_gives_back():
    host = build_host_report(build_slot_report(stage=SeedStage.HOLDING, gate_passed=True))
    plain = encode_record(host)
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize("record", [3, Box])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(TypeError, match="must be an instance of a dataclass, got "):
        encode_record(record)


def test_equal_records_encode_equally():
    assert encode_record(build_gain(1.0)) == encode_record(build_gain(1.0))

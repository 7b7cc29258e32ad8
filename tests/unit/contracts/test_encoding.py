"""Records become plain JSON values, and records again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from tamiyo.contracts import (
    ArtifactError,
    ConfigError,
    EpochReport,
    LifecycleConfig,
    PairedDifference,
    SeedStage,
    Style,
    UpdateReport,
    decode_record,
    encode_record,
    encode_value,
)
from tests.support.reports import build_gain, build_host_report, build_slot_report
from tests.support.updates import build_update


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


@dataclass(frozen=True)
class Everything:
    stage: SeedStage
    maybe: float | None
    names: frozenset[str]
    pair: tuple[int, str]
    many: tuple[Style, ...]
    sizes: Mapping[str, int]
    place: Path
    inner: LifecycleConfig


EVERYTHING = Everything(
    stage=SeedStage.HOLDING,
    maybe=None,
    names=frozenset({"one"}),
    pair=(1, "two"),
    many=(Style.GATED_GATE, Style.LINEAR_ADD),
    sizes={"small": 3},
    place=Path("runs/one"),
    inner=LifecycleConfig(incubate=True),
)


def rewrite(record):
    return json.loads(json.dumps(encode_record(record)))


@pytest.mark.parametrize("record", [EVERYTHING, build_update()], ids=["everything", "update"])
def test_a_record_comes_back_from_json_as_it_was(record):
    assert decode_record(type(record), rewrite(record)) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "NOWHERE"}, "stage of Everything must be a .*SeedStage.*, got 'NOWHERE'"),
        ({"pair": [1]}, r"pair of Everything must be a tuple.*, got \[1\]"),
        ({"maybe": "much"}, "maybe of Everything must be a .*, got 'much'"),
        ({"more": 1}, r"Everything must have the fields stage, .*, got 'more' as well"),
        ({"stages": 1}, r"got 'stages' as well \(nearest: stage\)"),
    ],
)
def test_what_does_not_fit_the_record_is_refused(change, message):
    with pytest.raises(ArtifactError, match=message):
        decode_record(Everything, {**rewrite(EVERYTHING), **change})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_are_read_from_the_texts_of_a_log(text):
    difference = {"points": text, "points_error": None, "loss": 0.5, "loss_error": 1}
    read = decode_record(PairedDifference, difference)
    assert str(read.points) == str(float(text))
    with pytest.raises(ArtifactError, match=r"points of PairedDifference must be a .*, got 'nan'"):
        decode_record(PairedDifference, {**difference, "points": "nan"})


def test_a_number_too_large_for_a_float_is_refused():
    difference = {"points": 10**400, "points_error": None, "loss": 0.5, "loss_error": 1}
    with pytest.raises(ArtifactError, match="points of PairedDifference must be a"):
        decode_record(PairedDifference, difference)


def test_a_field_that_is_missing_has_its_default():
    plain = rewrite(LifecycleConfig(min_prune_age_epochs=3))
    del plain["incubate"]
    assert decode_record(LifecycleConfig, plain) == LifecycleConfig(min_prune_age_epochs=3)


def test_a_missing_field_without_a_default_is_refused():
    with pytest.raises(
        ArtifactError, match=r"EpochReport must have the fields epoch, .*, got none"
    ):
        decode_record(EpochReport, {})


def test_the_record_s_own_rules_hold():
    plain = {**rewrite(LifecycleConfig()), "min_prune_age_epochs": -1}
    with pytest.raises(ConfigError, match="min_prune_age_epochs must be at least 0, got -1"):
        decode_record(LifecycleConfig, plain)


def test_an_update_needs_no_more_than_its_type_to_be_read_back():
    assert isinstance(decode_record(UpdateReport, rewrite(build_update())), UpdateReport)


@pytest.mark.parametrize("plain", [None, 3, "epoch", ["epoch"], float("nan")])
def test_what_is_no_object_is_no_record(plain):
    with pytest.raises(ArtifactError, match=r"EpochReport must be an object .*, got "):
        decode_record(EpochReport, plain)

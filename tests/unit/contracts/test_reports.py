"""Reports: verdicts, slots by id, and records that cannot be changed."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from functools import cache
from pathlib import Path

import pytest

import tamiyo.contracts
from tamiyo.contracts import (
    AlphaReport,
    GateCheck,
    GateLevel,
    GateVerdict,
    HostReport,
    PairedDifference,
    SeedReport,
    SlotIdError,
    SlotReport,
)
from tests.support.reports import build_host_report, build_signals, build_slot_report

SOURCE = Path(tamiyo.contracts.__file__).parents[1]
RECORDS = (
    AlphaReport,
    GateCheck,
    GateVerdict,
    HostReport,
    PairedDifference,
    SeedReport,
    SlotReport,
)
PRODUCERS = {SOURCE / "model" / f"{name}.py" for name in ("alpha", "host", "seed", "slot")}
LOGGED_ONLY = {"previous_gradient_health"}
"""Fields that nothing but the event log reads: an observation has no place for them."""
FIELDS = [(record.__name__, item.name) for record in RECORDS for item in fields(record)]


@cache
def read_consumers():
    """The text of every file but the declarations and those that fill the reports."""
    paths = [path for path in SOURCE.rglob("*") if path.suffix in {".py", ".html", ".js"}]
    others = [p for p in paths if p not in {SOURCE / "contracts" / "reports.py", *PRODUCERS}]
    return "\n".join(path.read_text(encoding="utf-8") for path in others)


def check(*, passed):
    return GateCheck(name="check", measured=0.0, required=0.0, passed=passed)


@pytest.mark.parametrize(
    ("answers", "passed"),
    [((), True), ((True,), True), ((True, True), True), ((True, False), False)],
)
def test_a_verdict_passes_if_every_check_does(answers, passed):
    verdict = GateVerdict(gate=GateLevel.G2, checks=tuple(check(passed=p) for p in answers))
    assert verdict.passed == passed


def test_a_slot_is_found_by_its_id_in_the_order_of_the_head():
    host = build_host_report(build_slot_report("r0c0"), build_slot_report("r1c0"))
    assert host.slot_ids == ("r0c0", "r1c0")
    assert host.slot("r1c0") is host.slots[1]


def test_a_slot_that_does_not_exist_is_refused():
    with pytest.raises(SlotIdError, match="slot must be one of r0c0, got 'r7c0'"):
        build_host_report().slot("r7c0")


@pytest.mark.parametrize("record", [build_host_report(), build_slot_report(), build_signals()])
def test_a_record_cannot_be_changed(record):
    with pytest.raises(FrozenInstanceError):
        record.epoch = 3


@pytest.mark.parametrize(("record", "name"), FIELDS)
@pytest.mark.requirement("4.4")
def test_every_field_of_a_report_is_read_by_something(record, name):
    is_read = re.search(rf"(\.|\"){name}\b", read_consumers()) is not None
    assert is_read or name in LOGGED_ONLY, f"nothing reads {record}.{name}"


def test_a_report_without_tables_is_the_same_otherwise():
    host = build_host_report()
    told = host.without_tables()
    assert all(slot.blueprint_parameters == {} for slot in told.slots)
    assert [slot.seed for slot in told.slots] == [slot.seed for slot in host.slots]
    assert (told.epoch, told.parameters) == (host.epoch, host.parameters)

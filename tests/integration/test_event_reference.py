"""The reference page of the events is what the code says, and the code says something of all."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from tamiyo.cli.event_description import list_event_fields, write_event_page
from tamiyo.contracts import Event
from tests.support.commands import call

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text(encoding="utf-8") == write_event_page(), (
        "run `tamiyo describe events --markdown > docs/reference/events.md`"
    )


def test_every_field_of_every_event_has_a_type_and_a_meaning():
    rows = list_event_fields()
    told = {(row["record"], row["field"]) for row in rows}
    for event in get_args(Event):
        assert {(event.__name__, item.name) for item in fields(event)} <= told
    assert [row for row in rows if not (row["type"] and row["meaning"] and row["summary"])] == []


@pytest.mark.parametrize(
    ("record", "field", "kind"),
    [
        ("RunFinished", "score", "number or null"),
        ("RunFinished", "contributions", "object of PairedDifference by text"),
        ("DecisionEvidence", "probabilities", "object of object of number by text by Head"),
        ("EpochCompleted", "host", "HostReport"),
        ("HostReport", "slots", "list of SlotReport"),
        ("AlarmRaised", "kind", "AlarmKind"),
        ("StageChanged", "from_stage", "SeedStage or null"),
    ],
)
def test_types_are_said_in_words(record, field, kind):
    (row,) = [
        row for row in list_event_fields() if (row["record"], row["field"]) == (record, field)
    ]
    assert row["type"] == kind


def test_names_of_enums_are_listed():
    kinds = [row["field"] for row in list_event_fields() if row["record"] == "AlarmKind"]
    assert "RATIO_JUMP" in kinds


def test_the_command_prints_page_table_and_json(capsys):
    assert call(capsys, "describe", "events", "--markdown")[:2] == (0, write_event_page())
    code, out, _ = call(capsys, "describe", "events", "--json")
    assert (code, json.loads(out)["events"]) == (0, list_event_fields())
    _, out, _ = call(capsys, "describe", "events")
    assert "from_stage" in out


@pytest.mark.parametrize(
    ("words", "got"), [(["task"], "got topic task"), (["events", "--json"], "got --json")]
)
def test_there_is_no_other_page(capsys, words, got):
    code, _, error = call(capsys, "describe", *words, "--markdown")
    assert code == 2
    assert error.strip().endswith(got)

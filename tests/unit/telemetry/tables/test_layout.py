from __future__ import annotations

import json
from typing import get_args

import pytest

from tamiyo.contracts import ArtifactError, Event, encode_event
from tamiyo.telemetry.tables.layout import RAW_TABLE, Place, build_tables
from tests.support.events import build_one_of_each

TABLES = {table.name: table for table in build_tables()}
EVENTS = {type(event).__name__: encode_event(event) for event in build_one_of_each()}
PLACE = Place(number=7, environment=0, episode=2, epoch=9)


def read(name, event):
    table = TABLES[name]
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.read(event, PLACE)]


def test_every_kind_of_event_has_a_table():
    assert {kind.__name__ for kind in get_args(Event)} <= set(TABLES)


@pytest.mark.parametrize("name", [table.name for table in build_tables()])
def test_names_of_columns_are_unique_in_a_table(name):
    names = [column.name.lower() for column in TABLES[name].columns]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_has_a_row_in_one_of_each(name):
    kind = TABLES[name].event or "RunStarted"
    rows = list(TABLES[name].read(EVENTS[kind], PLACE))
    assert rows
    assert {type(value) for row in rows for value in row} <= {str, int, float, bool, type(None)}


def test_a_nested_field_is_a_column_named_after_the_way_to_it():
    (row,) = read("SeedGerminated", EVENTS["SeedGerminated"])
    assert (row["command_op"], row["command_blueprint"]) == ("GERMINATE", "CONV_LIGHT")
    assert (row["number"], row["environment"], row["episode"], row["epoch"]) == (7, 0, 2, 9)


def test_names_to_numbers_are_json_text():
    decision = next(
        encode_event(event) for event in build_one_of_each() if getattr(event, "evidence", None)
    )
    (row,) = read("DecisionMade", decision)
    assert json.loads(row["evidence_probabilities"])["OP"] == {"WAIT": 0.75, "GERMINATE": 0.25}


def test_records_in_a_list_have_rows_of_their_own():
    rows = read("EpochCompleted_host_slots", EVENTS["EpochCompleted"])
    assert [(row["position"], row["slot_id"]) for row in rows] == [
        (0, "r0c0"),
        (1, "r0c1"),
        (2, "r0c2"),
    ]


def test_records_by_name_have_rows_with_that_name():
    rows = read("RunFinished_contributions", EVENTS["RunFinished"])
    assert {row["name"]: row["points"] for row in rows} == {
        "r0c1-1-conv_light": 4.3,
        "r0c2-1-depthwise": 2.1,
    }


def test_what_nobody_recorded_is_unknown():
    decision = {**EVENTS["DecisionMade"], "evidence": None}
    (row,) = read("DecisionMade", decision)
    assert row["evidence_value"] is None
    assert read("DecisionMade_evidence_moved", decision) == []


def test_a_field_with_a_default_may_be_missing():
    decision = {key: item for key, item in EVENTS["DecisionMade"].items() if key != "evidence"}
    assert read("DecisionMade", decision)[0]["evidence_value"] is None


def test_an_event_that_lacks_a_field_is_refused():
    event = {key: item for key, item in EVENTS["GateEvaluated"].items() if key != "slot_id"}
    with pytest.raises(ArtifactError, match="event 7 must be a whole GateEvaluated with slot_id"):
        read("GateEvaluated", event)


def test_a_list_that_is_none_is_refused():
    event = {**EVENTS["GateEvaluated"], "verdict": {"gate": "G2", "checks": 3}}
    with pytest.raises(ArtifactError, match=r"verdict\.checks, got int"):
        read("GateEvaluated_verdict_checks", event)


def test_a_number_too_large_for_sql_keeps_every_digit():
    event = {**EVENTS["EpisodeStarted"], "seed": 2**64}
    assert read("EpisodeStarted", event)[0]["seed"] == str(2**64)


def test_a_damaged_time_is_kept_as_text():
    ((_, time, _, _),) = RAW_TABLE.read({"event": "Later", "time": ["t"]}, PLACE)
    assert time == '["t"]'


def test_an_unknown_kind_stands_in_the_table_of_all_events():
    ((number, time, name, text),) = RAW_TABLE.read({"event": "Later", "time": "t", "x": 1}, PLACE)
    assert (number, time, name) == (7, "t", "Later")
    assert json.loads(text)["x"] == 1

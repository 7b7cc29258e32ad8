from __future__ import annotations

import json

import pytest

from tamiyo.telemetry import JsonlSink
from tests.support.commands import call
from tests.support.events import build_run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with JsonlSink(folder / "events.jsonl") as sink:
        for event in build_run():
            sink.emit(event)
    return folder


# --- query ------------------------------------------------------------------------------------


def test_query_lists_tables_with_columns(capsys, run_folder):
    code, out, err = call(capsys, "query", run_folder)
    assert (code, err) == (0, "")
    assert "StageChanged  " in out
    assert "from_stage to_stage alpha" in " ".join(out.split())
    assert "no rows in this log: AlarmRaised, " in out


def test_query_lists_tables_for_scripts(capsys, run_folder):
    code, out, _ = call(capsys, "query", run_folder, "--json")
    tables = {table["name"]: table for table in json.loads(out)["tables"]}
    assert code == 0
    assert tables["SeedGerminated"]["rows"] == 4
    assert {"name": "alpha", "type": "REAL"} in tables["StageChanged"]["columns"]


def test_query_shows_what_is_unknown_as_unknown(capsys, run_folder):
    sql = "SELECT epoch, command_op, command_slot_id FROM DecisionMade WHERE epoch IN (8, 10)"
    code, out, err = call(capsys, "query", run_folder, sql)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["epoch", "command_op", "command_slot_id"],
        ["8", "GERMINATE", "r0c1"],
        ["10", "WAIT", "-"],
    ]


def test_query_gives_rows_as_objects(capsys, run_folder):
    sql = "SELECT seed_id, alpha FROM SeedFossilized"
    code, out, _ = call(capsys, "query", run_folder / "events.jsonl", sql, "--json")
    assert code == 0
    assert json.loads(out) == {
        "rows": [
            {"seed_id": "r0c1-1-conv_light", "alpha": 1.0},
            {"seed_id": "r0c2-1-depthwise", "alpha": 0.7},
        ],
        "is_torn": False,
    }


def test_query_says_how_many_rows_it_does_not_show(capsys, run_folder):
    sql = "SELECT epoch FROM EpochCompleted"
    out = call(capsys, "query", run_folder, sql, "--rows", "3")[1]
    assert out.splitlines()[-1] == "... and 57 more rows: use LIMIT, --rows or --json"
    assert call(capsys, "query", run_folder, f"{sql} WHERE epoch < 0")[1].endswith("no rows\n")


def test_query_of_a_torn_log_says_so(capsys, tmp_path, run_folder):
    log = tmp_path / "events.jsonl"
    log.write_bytes((run_folder / "events.jsonl").read_bytes()[:-9])
    code, out, err = call(capsys, "query", tmp_path, "SELECT count(*) AS n FROM RunFinished")
    assert (code, out.split()) == (0, ["n", "0"])
    assert err == "tamiyo: the log's last event is torn and left out\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "RUN must be given, got nothing"),
        (["nowhere"], "RUN must be a run folder with events.jsonl in it"),
        (["{run}", "DROP TABLE events"], "SQL must be one SELECT over the tables events, "),
        (["{run}", "SELECT 1", "--rows", "0"], "rows must be at least 1, got 0"),
    ],
)
def test_bad_questions_are_refused_in_one_line(capsys, run_folder, words, message):
    words = [word.format(run=run_folder) for word in words]
    code, out, err = call(capsys, "query", *words)
    assert (code, out) == (2, "")
    assert err.startswith("tamiyo: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("line", ["not json", '{"schema": 99, "event": "RunStarted"}'])
def test_a_damaged_log_is_refused_in_one_line(capsys, tmp_path, line):
    (tmp_path / "events.jsonl").write_text(f"{line}\n", encoding="utf-8")
    code, out, err = call(capsys, "query", tmp_path)
    assert (code, out) == (2, "")
    assert "line 1" in err
    assert err.count("\n") == 1

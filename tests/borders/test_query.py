"""Nonsense and mischief in SQL: refused in one line, within bounds, and nothing is written."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamiyo.contracts import ConfigError
from tamiyo.telemetry import EventDatabase, JsonlSink, QueryResult
from tests.support.damage import damaged_bytes, meet, snapshot
from tests.support.events import build_run

SQL = b"SELECT epoch, count(*) AS n FROM StageChanged WHERE slot_id = 'r0c0' GROUP BY 1 LIMIT 5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with JsonlSink(folder / "events.jsonl") as sink:
        for event in build_run(epochs=8):
            sink.emit(event)
    return folder


def ask(folder, sql):
    before = snapshot(folder)
    result = meet(EventDatabase(folder / "events.jsonl").query, sql)
    assert isinstance(result, QueryResult | ConfigError)
    assert snapshot(folder) == before
    return result


def test_the_statement_that_is_damaged_is_answered(folder):
    assert ask(folder, SQL.decode()).columns == ("epoch", "n")


@settings(max_examples=100)
@given(sql=damaged_bytes(SQL).map(lambda sql: sql.decode(errors="surrogateescape")) | st.text())
@example(sql="")
@example(sql="\x00")
@example(sql="\udcff")
@example(sql="SELECT " + "(" * 5000)
@example(sql="SELECT CAST(x'ff' AS TEXT)")
def test_a_damaged_statement_is_refused_or_answered(folder, sql):
    ask(folder, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'other.db' AS other",
        "SELECT load_extension('other')",
        "PRAGMA writable_schema = 1",
        "DELETE FROM events",
        "SELECT 1; DROP TABLE events",
        "SELECT writefile('other', 'text')",
        "VACUUM INTO 'other.db'",
        "SELECT length(zeroblob(1000000000))",
    ],
)
def test_what_does_more_than_read_is_refused(folder, sql):
    assert isinstance(ask(folder, sql), ConfigError)


def test_more_rows_than_anybody_reads_are_refused(folder):
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    assert "rows must be at most 1,000,000, use LIMIT" in str(ask(folder, endless))

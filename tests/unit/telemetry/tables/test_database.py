from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError, ConfigError
from tamiyo.telemetry import EventDatabase, JsonlSink
from tests.support.events import build_one_of_each, build_run


def write(path, events):
    with JsonlSink(path) as sink:
        for event in events:
            sink.emit(event)
    return EventDatabase(path)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write(tmp_path_factory.mktemp("run") / "events.jsonl", build_run())


def test_events_are_asked_in_sql(database):
    result = database.query(
        "SELECT epoch, command_slot_id FROM DecisionMade WHERE command_op = 'GERMINATE'"
    )
    assert result.columns == ("epoch", "command_slot_id")
    assert result.rows == [(8, "r0c1"), (12, "r0c0"), (26, "r0c2"), (47, "r0c0")]
    assert result.gaps == ""


def test_tables_are_joined(database):
    result = database.query(
        "WITH born AS (SELECT seed_id, epoch FROM SeedGerminated) "
        "SELECT seed_id, SeedPruned.epoch - born.epoch AS epochs FROM SeedPruned "
        "JOIN born USING (seed_id) ORDER BY epochs"
    )
    assert result.rows == [("r0c0-1-norm", 8), ("r0c0-2-bottleneck", 11)]


def test_the_epoch_of_a_completed_epoch_is_the_one_measured(database):
    result = database.query("SELECT max(epoch), max(measured_epoch) FROM EpochCompleted")
    assert result.rows == [(60, 60)]


def test_every_event_is_there_as_it_stands(database):
    ((count, first),) = database.query(
        "SELECT count(*), min(json_extract(json, '$.schema')) FROM events"
    ).rows
    assert (count, first) == (len(build_run()), 3)


def test_a_question_without_a_table_is_answered(database):
    assert database.query("SELECT 1 AS a, 2 AS a, 3 AS a").columns == ("a", "a_2", "a_3")


def test_events_of_an_episode_carry_its_number(tmp_path):
    asked = write(tmp_path / "events.jsonl", build_one_of_each())
    assert asked.query("SELECT episode FROM EpisodeFinished").rows == [(3,)]
    # It stands before the episode, and the pruning behind it.
    assert asked.query("SELECT episode FROM RewardPaid").rows == [(None,)]
    assert asked.query("SELECT episode FROM SeedPruned").rows == [(None,)]


def test_tables_are_described_with_their_rows(database):
    rows = {table.name: table.rows for table in database.describe()}
    assert rows["SeedGerminated"] == 4
    assert rows["EpochCompleted_host_slots"] == 3 * rows["EpochCompleted"] == 180
    assert rows["EpisodeStarted"] == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM StageChanged",
        "DROP TABLE StageChanged",
        "INSERT INTO StageChanged (epoch) VALUES (1)",
        "CREATE TABLE mine (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA query_only = OFF",
        "VACUUM INTO 'copy.db'",
        "SELECT 1; SELECT 2",
        "WITH a AS (SELECT 1) DELETE FROM StageChanged",
        "BEGIN",
        "",
        "-- nothing",
        "SELECT load_extension('evil')",
        "EXPLAIN SELECT 1",
        "SELECT ?",
        "SELECT \0",
    ],
)
def test_anything_but_one_select_is_refused(database, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="SQL must be one SELECT over the tables events, Alarm"):
        database.query(sql)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_names_what_was_perhaps_meant(database):
    with pytest.raises(ConfigError, match=r"no such table: StageChange \(nearest: StageChanged"):
        database.query("SELECT * FROM StageChange")
    with pytest.raises(ConfigError, match=r"no such column: comand_op \(nearest: command_op"):
        database.query("SELECT comand_op FROM DecisionMade")


def test_a_long_statement_is_shown_in_part(database):
    with pytest.raises(ConfigError, match=r"got 'SELECT x, x.*\.\.\.': no such column"):
        database.query(f"SELECT {', '.join('x' * 99)}")


def test_what_goes_wrong_while_a_question_is_answered_is_one_line(database):
    with pytest.raises(ConfigError, match="malformed JSON"):
        database.query("SELECT json_extract(slot_id, '$.a') FROM StageChanged")


def test_a_question_can_be_stopped(database, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("tamiyo.telemetry.tables.database._let_signals_through", stop)
    endless = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT max(n) FROM a"
    with pytest.raises(KeyboardInterrupt):
        database.query(endless)


def test_a_torn_log_is_read_and_said_to_be_torn(tmp_path):
    path = tmp_path / "events.jsonl"
    asked = write(path, build_run())
    path.write_bytes(path.read_bytes()[:-9])
    result = asked.query("SELECT count(*) FROM RunFinished")
    assert result.gaps == "left out of the log: a torn last event"
    assert result.rows == [(0,)]


def test_a_place_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"schema": 3, "time": "", "event": "RewardPaid", "environment": "a"}\n')
    with pytest.raises(ArtifactError, match="event 1 must have a whole number as environment"):
        EventDatabase(path).describe()

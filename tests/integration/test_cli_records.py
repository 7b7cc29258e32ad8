from __future__ import annotations

import json
import shutil

import pytest

from tamiyo.contracts import NullSink
from tamiyo.engine import EngineConfig
from tamiyo.environment import Baseline, HostEnvConfig
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import TrainConfig, grow_task, train_controller
from tamiyo.telemetry import JsonlSink
from tests.support.commands import call
from tests.support.events import build_run
from tests.support.explained import build_episodes
from tests.support.schedules import build_growing_config
from tests.support.tasks import EAGER


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
        "gaps": "",
    }


def test_answers_that_json_cannot_hold_are_texts(capsys, run_folder):
    sql = "SELECT 9e999 AS a, -9e999 AS b, x'0aff' AS c, NULL AS d"
    out = call(capsys, "query", run_folder, sql, "--json")[1]
    (row,) = json.loads(out, parse_constant=pytest.fail)["rows"]
    assert row == {"a": "Infinity", "b": "-Infinity", "c": "0aff", "d": None}


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
    assert err == "tamiyo: left out of the log: a torn last event\n"


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


# --- replay -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    grow_task(build_growing_config(folder), folder / "run", twin=False)
    return folder / "run"


def test_replay_says_that_a_network_is_equal(capsys, grown, tmp_path):
    code, out, err = call(capsys, "replay", grown, "--out", tmp_path / "again")
    assert (code, err) == (0, "")
    assert "r0c1 conv_light (sigmoid_add, alpha 1.00)" in out
    assert "equal: the rebuilt network is the exported one, bit for bit" in out
    assert (tmp_path / "again" / "weights.safetensors").read_bytes() == (
        grown / "export" / "weights.safetensors"
    ).read_bytes()


def test_replay_that_is_not_equal_exits_with_1(capsys, grown, tmp_path):
    folder = shutil.copytree(grown, tmp_path / "copy")
    log = folder / "events.jsonl"
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace('"alpha_target":"FULL"', '"alpha_target":"HALF"'), "utf-8")
    code, out, _ = call(capsys, "replay", folder)
    assert code == 1
    assert "as recorded, then " in out
    assert " was exported" in out
    assert "\nNOT EQUAL: " in out
    code, out, _ = call(capsys, "replay", folder, "--json")
    assert (code, json.loads(out)["is_equal"]) == (1, False)


def test_replay_without_an_export_compares_the_numbers(capsys, grown, tmp_path):
    folder = shutil.copytree(grown, tmp_path / "copy")
    shutil.rmtree(folder / "export")
    log = folder / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    code, out, err = call(capsys, "replay", folder)
    assert (code, err) == (0, "tamiyo: left out of the log: a torn last event\n")
    assert "nothing exported to compare it with" in out
    assert out.endswith("equal: every number the run recorded came out again, bit for bit\n")


@pytest.mark.parametrize("damage", ["config", "log"])
def test_a_run_that_cannot_be_replayed_is_refused_in_one_line(capsys, grown, tmp_path, damage):
    folder = shutil.copytree(grown, tmp_path / "copy")
    if damage == "log":
        (folder / "events.jsonl").write_text("", "utf-8")
    else:
        (folder / "config.json").unlink()
    code, out, err = call(capsys, "replay", folder)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


# --- explain ----------------------------------------------------------------------------------


def test_explain_tells_a_decision_of_a_run(capsys, run_folder):
    code, out, err = call(capsys, "explain", run_folder, "--epoch", "8")
    assert (code, err) == (0, "")
    assert "decided    GERMINATE in r0c1: blueprint conv_light" in out
    assert "What followed" in out


def test_explain_tells_a_decision_of_an_episode_with_what_the_fields_mean(capsys, tmp_path):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        for event in build_episodes():
            sink.emit(event)
    words = ("explain", tmp_path, "--epoch", "12", "--env", "0", "--episode", "0")
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    assert "environment 0, episode 0" in " ".join(out.split())
    assert "loss on the control split" in " ".join(out.split())
    told = json.loads(call(capsys, *words, "--json")[1])
    assert told["decision"]["evidence"]["value"] == 1.25
    assert told["fate"]["event"] == "SeedPruned"
    assert told["followed"][0]["event"] == "SeedGerminated"
    assert [after["reward"] for after in told["after"]] == [0.25] * 5


def test_a_decision_after_training_diverged_is_explained(capsys, tmp_path, run_folder):
    log = tmp_path / "events.jsonl"
    lines = (run_folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        event = json.loads(line)
        if event["event"] == "EpochCompleted" and event["measured"]["epoch"] == 8:
            event["measured"]["control_loss"] = "NaN"
            lines[number] = json.dumps(event)
    log.write_text("\n".join(lines), encoding="utf-8")
    code, out, _ = call(capsys, "explain", tmp_path, "--epoch", "9", "--json")
    assert code == 0
    assert json.loads(out, parse_constant=pytest.fail)["measured"]["control_loss"] == "NaN"


def test_explain_lists_what_it_can_explain(capsys, run_folder):
    code, out, err = call(capsys, "explain", run_folder)
    assert (code, err) == (0, "")
    assert "heuristic, seed 7: 16 of 55 decisions were to change something" in out
    assert out.endswith("\n--epoch EPOCH explains one of them\n")
    told = json.loads(call(capsys, "explain", run_folder, "--json")[1])
    assert len(told["decisions"]) == 55


def test_explain_of_a_torn_log_says_so(capsys, tmp_path, run_folder):
    log = tmp_path / "events.jsonl"
    log.write_bytes((run_folder / "events.jsonl").read_bytes()[:-9])
    code, _, err = call(capsys, "explain", tmp_path, "--epoch", "8")
    assert (code, err) == (0, "tamiyo: left out of the log: a torn last event\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epoch", "70"], "epoch must be one that something was decided in, from 1 to 55 here"),
        (["--epoch", "8", "--env", "3"], "environment must be one of 0, got 3"),
        (["--epoch", "8", "--episode", "3"], "episode must be left out"),
        (["--epoch", "8", "--after", "0"], "after must be at least 1, got 0"),
    ],
)
def test_decisions_that_are_not_there_are_refused_in_one_line(capsys, run_folder, words, message):
    code, out, err = call(capsys, "explain", run_folder, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


# --- a real training --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training on real hosts of which the episodes of two environments are recorded."""
    config = TrainConfig(
        task="spirals",
        envs=8,
        learner=TrainerConfig(total_steps=64, network=NetworkConfig(hidden=8, slot_hidden=4)),
        hosts=HostEnvConfig(
            epochs=14,
            group_size=4,
            baseline=Baseline.GROUP,
            engine=EngineConfig(lifecycle=EAGER),
        ),
        record_envs=2,
    )
    path = tmp_path_factory.mktemp("trained") / "run"
    return train_controller(config, path, sink=NullSink()).folder.path


@pytest.mark.parametrize("words", [(), ("--env", "1", "--episode", "0")])
def test_recorded_episodes_are_replayed_bit_for_bit(capsys, trained, words):
    code, out, err = call(capsys, "replay", trained, *words)
    assert (code, err) == (0, "")
    assert "the controller in training" in out
    assert "as recorded, bit for bit" in out


def test_recorded_episodes_are_explained_with_what_the_controller_thought(capsys, trained):
    told = json.loads(call(capsys, "explain", trained, "--epoch", "2", "--env", "1", "--json")[1])
    assert told["environment"] == 1
    assert told["decision"]["evidence"]["value"] is not None
    (op, *_) = told["heads"]
    assert sum(share for _, share in op["probabilities"]) == pytest.approx(1)
    assert told["after"][0]["reward"] is not None
    assert {one["slot"]["slot_id"] for one in told["slots"]} == {"r0c0", "r0c1"}


def test_recorded_episodes_are_asked_by_their_number(capsys, trained):
    sql = "SELECT environment, episode, sum(reward) AS paid FROM rewards GROUP BY 1, 2"
    paid = json.loads(call(capsys, "query", trained, sql, "--json")[1])["rows"]
    sql = "SELECT environment, episode, episode_return FROM EpisodeFinished ORDER BY 1, 2"
    told = json.loads(call(capsys, "query", trained, sql, "--json")[1])["rows"]
    assert len(told) == 4
    assert [row["paid"] for row in paid] == pytest.approx([row["episode_return"] for row in told])

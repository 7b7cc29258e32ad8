from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata

import pytest
import torch

import tamiyo
import tamiyo.cli.compare
import tamiyo.cli.describe
import tamiyo.recipes
import tamiyo.tasks
from tamiyo.cli import main
from tamiyo.cli.flags import SHORT_FLAGS, read_flags
from tamiyo.cli.grow import GrowArguments
from tamiyo.cli.refusals import explain_refusal
from tamiyo.contracts import ComparisonRow, ConfigError, InvariantError
from tamiyo.engine import EngineKind
from tamiyo.recipes import Comparison, EngineUse, Evaluation, RunConfig, RunFolder, load_network
from tests.support.commands import SETTINGS, call, flag_of, other_value, set_value, words_for
from tests.support.events import BITS
from tests.support.schedules import EAGER_FLAGS, write_schedule

QUICK = ["--task", "digits-cnn", "--epochs", "11"]


def parse(*words):
    return read_flags(GrowArguments, words, command="grow", examples="").run


# --- flags: every one of them reaches the code -----------------------------------------------


@pytest.mark.parametrize("path", SETTINGS, ids=flag_of)
@pytest.mark.requirement("8.5", "2.1")
def test_every_flag_reaches_the_configuration(path):
    value = other_value(path, SETTINGS[path])
    assert value != SETTINGS[path]
    assert parse(*words_for(path, value)) == set_value(RunConfig(), path, value)


@pytest.mark.parametrize("words", [["--plateau-epochs", "4"], ["--plateau-epochs=4"],
                                   ["--plateau_epochs", "4"]])  # fmt: skip
@pytest.mark.requirement("8.5")
def test_plateau_epochs_is_short_for_its_long_name(words):
    assert parse(*words).control.heuristic.plateau_epochs_to_germinate == 4
    assert parse(*words) == parse(SHORT_FLAGS["--plateau-epochs"], "4")


@pytest.mark.parametrize("words", [["r0c0", "r0c1"], ["r0c0,r0c1"], ["r0c0,", "r0c1"]])
def test_slots_may_stand_apart_or_with_commas(words):
    assert parse("--slots", *words, "--seed", "3") == RunConfig(slots=("r0c0", "r0c1"), seed=3)
    assert parse("--slots=r0c0,r0c1").slots == ("r0c0", "r0c1")


# --- help and descriptions --------------------------------------------------------------------

RECORDS = ["query", "replay", "explain", "watch", "report"]
COMMANDS = ["grow", "compare", "evaluate", "describe", "calibrate", *RECORDS]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_examples(capsys, words):
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    assert [name for name in COMMANDS if f"\n  {name} " not in out] == []
    assert "examples:\n  tamiyo grow" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(capsys, command):
    code, out, err = call(capsys, command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: tamiyo {command}")
    assert f"tamiyo {command} " in out.partition("examples:")[2]


@pytest.mark.parametrize("words", [["--help"], ["describe", "--help"], ["evaluate", "--help"],
                                   ["calibrate", "--help"], ["query", "--help"],
                                   ["replay", "--help"], ["explain", "--help"]])  # fmt: skip
def test_help_does_not_wait_for_torch(words):
    code = (
        "import sys\nfrom tamiyo.cli import main\n"
        f"try:\n    main({words})\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode
        == 0
    )


def test_calibrate_judges_a_task(capsys, monkeypatch):
    # Two seeds of each width take minutes; the verdict has its tests where it is computed.
    whole = tamiyo.tasks.get_task("digits-cnn")
    short = replace(whole, family=whole.family[:4:3], config=replace(whole.config, max_epochs=12))
    monkeypatch.setattr(tamiyo.tasks, "get_task", lambda _name: short)
    code, out, err = call(capsys, "calibrate", "--task", "digits-cnn", "--seeds", "2", "--json")
    assert (code, err) == (0, "")
    assert isinstance(json.loads(out)["qualified"], bool)
    code, out, err = call(capsys, "calibrate", "--task", "digits-cnn", "--seeds", "2")
    assert (code, err) == (0, "")
    assert "control %" in out
    assert "qualif" in out


def test_calibrate_judges_a_task_of_another_metric_in_points(capsys, monkeypatch):
    whole = tamiyo.tasks.get_task("digits-cnn")
    config = replace(whole.config, max_epochs=12, metric=BITS)
    short = replace(whole, family=whole.family[:4:3], config=config)
    monkeypatch.setattr(tamiyo.tasks, "get_task", lambda _name: short)
    _, out, _ = call(capsys, "calibrate", "--task", "digits-cnn", "--seeds", "2")
    assert "control points" in out
    assert "points on control, the host's" in out
    assert "a point is 0.08 in bits per byte" in out


# --- results ------------------------------------------------------------------------------------


def test_grow_prints_one_json_object(capsys, tmp_path):
    code, out, err = call(capsys, "grow", *QUICK, "--out", tmp_path / "run", "--json")
    content = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert content["task"] == "digits-cnn"
    assert content["host_alone"]["test_accuracy"] > 0
    assert content["folder"] == str(tmp_path / "run")
    assert (tmp_path / "run" / "growth.png").exists()


def test_grow_shows_the_run_and_where_it_lies(capsys, tmp_path):
    code, out, err = call(capsys, "grow", *QUICK, "--no-twin", "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "final network" in out
    assert "host alone" not in out
    assert "growth.png" in "".join(out.splitlines())


def test_without_the_extra_for_pictures_a_run_is_whole(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ["grow", *QUICK, "--no-twin", "--out", tmp_path / "run"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert "no picture: a picture needs matplotlib" in out
    assert (tmp_path / "run" / "result.json").exists()
    _, out, _ = call(capsys, *words, "--overwrite", "--json")
    assert json.loads(out)["picture"] is None


def test_runs_go_into_a_folder_of_their_own_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call(capsys, "grow", *QUICK, "--no-twin", "--controller", "wait-only", "--seed", "2")
    assert (tmp_path / "runs" / "digits-cnn-wait-only-2" / "result.json").exists()


COMPARE = ["compare", *QUICK, "--seeds", "2", "--workers", "1", "--controllers"]


def test_compare_prints_one_json_object(capsys):
    code, out, err = call(capsys, *COMPARE, "wait-only, random-legal", "--json")
    content = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert {"task", "reference", "seeds", "rows"} <= set(content)
    assert content["seeds"] == [0, 1]
    assert content["engine"]["kind"] == "BATCHED"
    assert content["engine"]["reason"]
    expected = {"name", "score", "difference", "low", "high", "test_accuracy", "parameters"}
    assert all(expected | {"multiply_adds"} <= set(row) for row in content["rows"])


def test_compare_says_what_its_table_rests_on(capsys):
    code, out, err = call(capsys, *COMPARE, "random-legal", "--seed", "4")
    assert (code, err) == (0, "")
    assert "2 paired seeds (4 to 5)" in out
    assert "score of wait-only on the same seed" in out
    assert "interquartile mean [95 % bootstrap interval]" in out
    assert "built beside random-legal" in out


def test_compare_says_what_a_point_of_another_metric_is(capsys, monkeypatch):
    numbers = {"score": 75.0, "difference": 0.0, "low": 0.0, "high": 0.0, "test_accuracy": 75.0}
    row = ComparisonRow(
        name="wait-only", parameters=9, multiply_adds=9, epochs=9, fossils=0, **numbers
    )
    result = Comparison(
        task="stdlib-text",
        reference="wait-only",
        grown=None,
        seeds=(0, 1),
        engine=EngineUse(kind=EngineKind.BATCHED, reason="all hosts are alike"),
        rows=(row,),
        leads={},
    )
    monkeypatch.setattr(tamiyo.cli.compare, "compare_controllers", lambda *_, **__: result)
    _, out, _ = call(capsys, "compare", "--task", "stdlib-text")
    assert "2.000" in out
    assert "engine: batched, all hosts are alike\n" in out
    assert "seeds (0 to 1); bits per byte, lower is better\n" in out
    assert "a point is 0.08 in bits per byte: 0 is worth 100 points, 8 none" in out


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    words = ["grow", "--task", "digits-cnn", "--epochs", "16", "--no-twin", *EAGER_FLAGS]
    out = folder / "run"
    assert main([*words, "--controller", write_schedule(folder), "--out", str(out), "--json"]) == 0
    return out


def test_an_exported_network_is_judged_as_the_run_judged_it(capsys, grown):
    result = json.loads((grown / "result.json").read_text())
    for folder in (grown, grown / "export"):
        code, out, err = call(
            capsys, "evaluate", "--network", folder, "--task", "digits-cnn", "--json"
        )
        assert (code, err, out.count("\n")) == (0, "", 1)
        content = json.loads(out)
        assert content["test_accuracy"] == pytest.approx(result["test_accuracy"])
        assert content["parameters"] == result["parameters"]


def test_an_evaluation_of_another_metric_is_in_its_own_unit(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tamiyo.recipes, "load_network", lambda _folder: torch.nn.Identity())
    scored = Evaluation(task="text", metric=BITS, test_accuracy=75.0, parameters=12)
    monkeypatch.setattr(tamiyo.recipes, "evaluate_network", lambda _network, _task: scored)
    words = ["evaluate", "--network", "run", "--task", "text"]
    _, out, _ = call(capsys, *words)
    assert out == "run: bits per byte 2.000 on the test split of text, 12 parameters\n"
    _, out, _ = call(capsys, *words, "--json")
    content = json.loads(out)
    assert (content["test_accuracy"], content["test_value"]) == (75.0, 2.0)


def test_an_evaluation_reads_as_a_sentence(capsys, grown):
    _, out, _ = call(capsys, "evaluate", "--network", grown, "--task", "digits-cnn")
    assert "% right on the test split of digits-cnn" in out


# --- refusals: one line, exit code 2, nothing written -------------------------------------------

BAD = {
    "": "command must be one of grow, train, compare, evaluate, describe, calibrate, check, ",
    "plant": "query, got 'plant'",
    "grow --task mnist": "task must be one of digits-canvas, digits-cnn, ",
    "grow --controller magic": "controller must be one of",
    "grow --controller schedule:": "controller must name a file after schedule:",
    "grow --slots r9c9": "slots must be among r0c0, r0c1, r0c2 for task digits-canvas, got 'r9c9'",
    "grow --slots": "slots must name at least one of r0c0, r0c1, r0c2, got none",
    "grow --epochs 0": "epochs must be at least 1, got 0",
    "grow --epochs -5": "epochs must be at least 1, got -5",
    "grow --epochs 10": "epochs must be more than the 10 closing epochs",
    "grow --epochs many": "--epochs must be INT, got 'many'",
    "grow --epochs 2.5": "--epochs must be INT, got '2.5'",
    "grow --seed -1": "seed must be at least 0, got -1",
    "grow --seed": "--seed must have a value, got none",
    "grow --max-parameters 0": "max_parameters must be at least 1, got 0",
    "grow --task digits-cnn --max-parameters 5": "max_parameters must be at least the host's",
    "grow --heuristic.max-concurrent 0": "max_concurrent must be at least 1, got 0",
    "grow --heuristic.blueprints conv": "--heuristic.blueprints must be one of NOOP,",
    "grow --heuristic.harm-errors x": "--heuristic.harm-errors must be FLOAT, got 'x'",
    "grow --tracker.smoothing 3": "smoothing must be in [0, 1), got 3.0",
    "grow --lifecycle.min-training-epochs -1": "min_training_epochs must be at least 0, got -1",
    "grow --engine magic": "--engine must be one of auto, sequential, batched, got 'magic'",
    "grow --bogus 3": "options must be among those of `tamiyo grow --help`, got --bogus, 3",
    "grow --sed 3": "got --sed, 3 (perhaps you meant --seed INT)",
    "grow twice": "options must be among those of `tamiyo grow --help`, got twice",
    "compare --seeds 1": "seeds must be at least 2, got 1",
    "compare --workers 0": "workers must be at least 1, got 0",
    "compare --controllers magic": "controller must be one of",
    "compare --controllers heuristic,heuristic": "controllers must be named once each",
    "compare --reference magic": "controller must be one of",
    "compare --max-parameters 5": "max_parameters must be at least the host's",
    "calibrate --seeds 1": "seeds must be at least 2, got 1",
    "calibrate --task mnist": "task must be one of digits-canvas, digits-cnn, ",
    "describe": "TOPIC must be given, got nothing",
    "describe everything": "topic must be one of defaults, blueprints,",
    "describe task --task mnist": "task must be one of digits-canvas, digits-cnn, ",
    "describe blueprints --topology mesh": "topology must be one of cnn, sequence, vector, got",
    "describe blueprints --channels 0": "channels must be at least 1, got 0",
    "evaluate": "must be given either the folder of a training, or --network with --task",
    "evaluate --network gone --task digits-cnn": "growth.json must be a readable file",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_refused_in_one_line(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *(words.split() or [""]))
    assert (code, out) == (2, "")
    assert err.startswith("tamiyo: ")
    assert BAD[words] in err
    assert ", got " in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


SCHEDULES = {
    "not TOML": ("[[seed", "schedule must be TOML"),
    "empty": ("", "must hold at least one [[seed]] or [[decision]]"),
    "unknown table": ("[[sead]]\n", "table must be one of seed, decision, got 'sead'"),
    "unknown blueprint": (
        '[[seed]]\nslot = "r0c0"\ngerminate = 2\nblueprint = "conv"\n',
        "blueprint must be one of",
    ),
    "unknown slot": (
        '[[seed]]\nslot = "r8c8"\ngerminate = 1\nblueprint = "norm"\n',
        "r8c8",
    ),
    "unknown op": ('[[decision]]\nepoch = 2\nop = "explode"\n', "op must be one of"),
    "op without effect": (
        '[[decision]]\nepoch = 2\nop = "wait"\nslot = "r0c0"\n',
        "got",
    ),
}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_bad_schedule_is_refused_in_one_line(capsys, tmp_path, kind):
    content, message = SCHEDULES[kind]
    path, out = tmp_path / "plan.toml", tmp_path / "run"
    path.write_text(content)
    code, _, err = call(capsys, "grow", *QUICK, "--controller", f"schedule:{path}", "--out", out)
    assert code == 2
    assert message in err
    assert (err.count("\n"), err.startswith("tamiyo: ")) == (1, True)
    assert not out.exists()


def test_a_schedule_that_is_missing_is_refused(capsys, tmp_path):
    code, _, err = call(capsys, "grow", "--controller", f"schedule:{tmp_path}/gone.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "gone.toml: schedule must be a readable file, got No such file" in err


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_a_folder_of_something_else_is_left_as_it_is(capsys, tmp_path, more):
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, err = call(capsys, "grow", *QUICK, "--out", tmp_path, *more)
    assert (code, err.count("\n")) == (2, 1)
    assert "which holds something else: choose another one" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_run_is_left_as_it_is(capsys, tmp_path):
    RunFolder(tmp_path / "run").create({"run": 1}, overwrite=False)
    before = (tmp_path / "run" / "config.json").read_bytes()
    code, _, err = call(capsys, "grow", *QUICK, "--out", tmp_path / "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "holds an earlier run: choose another one, or allow to overwrite it" in err
    assert (tmp_path / "run" / "config.json").read_bytes() == before


@pytest.mark.parametrize("file", ["growth.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_export_is_refused(capsys, tmp_path, grown, file, damage):
    shutil.copytree(grown / "export", tmp_path, dirs_exist_ok=True)
    content = (tmp_path / file).read_bytes()
    if damage == "missing":
        (tmp_path / file).unlink()
    else:
        altered = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]
        (tmp_path / file).write_bytes(content[:-9] if damage == "truncated" else altered)
    code, out, err = call(capsys, "evaluate", "--network", tmp_path, "--task", "digits-cnn")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert file in err


def test_a_message_of_several_lines_becomes_one(capsys):
    code, _, err = call(capsys, "grow\nnow")
    assert (code, err.count("\n")) == (2, 1)


def test_refusals_are_read_from_plain_and_colored_boxes_alike():
    plain = "+- Unrecognized options -+\n| Unrecognized options: -x |\n+------------------------+\n"
    colored = f"\x1b[31m{plain}\x1b[0m".replace("| U", "\x1b[31m|\x1b[0m U")
    assert explain_refusal(plain, "grow").endswith("`tamiyo grow --help`, got -x")
    assert explain_refusal(colored, "grow") == explain_refusal(plain, "grow")


def test_a_refusal_that_is_not_known_is_told_as_it_is():
    assert explain_refusal("+ Title +\n| Something else |\n", "grow") == "Something else"
    odd = "+ Value error +\n| Error parsing --out: odd |\n"
    assert explain_refusal(odd, "grow") == "--out must be readable, got an error: odd"


def test_an_interruption_outside_a_run_is_one_line(capsys, monkeypatch):
    def interrupt(_words):
        raise KeyboardInterrupt

    monkeypatch.setattr(tamiyo.cli.describe, "run", interrupt)
    assert call(capsys, "describe", "task") == (130, "", "tamiyo: stopped at once\n")


def test_a_broken_promise_is_worth_a_traceback(monkeypatch):
    def break_promise(_words):
        message = "the mask was wrong"
        raise InvariantError(message)

    monkeypatch.setattr(tamiyo.cli.describe, "run", break_promise)
    with pytest.raises(InvariantError, match="mask was wrong"):
        main(["describe", "task"])


def test_the_flags_of_a_command_are_its_record():
    with pytest.raises(ConfigError, match="--json, x"):
        read_flags(RunConfig, ["--json", "x"], command="grow", examples="")


def test_a_network_loaded_by_its_public_name_is_a_plain_module(grown):
    assert isinstance(tamiyo.load(grown), torch.nn.Module)
    assert isinstance(tamiyo.load(str(grown)), torch.nn.Module)
    assert tamiyo.load is load_network


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tamiyo {metadata.version('tamiyo')}\n"

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from importlib import metadata

import pytest
import torch

import tamiyo
import tamiyo.cli.describe
import tamiyo.tasks
from tamiyo.cli import main
from tamiyo.cli.flags import SHORT_FLAGS, read_flags
from tamiyo.cli.grow import GrowArguments
from tamiyo.cli.refusals import explain_refusal
from tamiyo.contracts import Blueprint, ConfigError, InvariantError
from tamiyo.recipes import RunConfig, RunFolder, load_network
from tests.support.schedules import EAGER_FLAGS, write_schedule

QUICK = ["--task", "digits-cnn", "--epochs", "11"]


def call(capsys, *words):
    """Run a command in this process; return exit code, stdout and stderr."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def parse(*words):
    return read_flags(GrowArguments, words, command="grow", examples="").run


# --- flags: every one of them reaches the code -----------------------------------------------


def walk(record, prefix=()):
    for item in fields(record):
        value = getattr(record, item.name)
        if is_dataclass(value):
            yield from walk(value, (*prefix, item.name))
        else:
            yield (*prefix, item.name), value


OTHERS = {
    "task": "digits-cnn",
    "controller": "wait-only",
    "epochs": 31,
    "slots": ("r0c1",),
    "max_parameters": 4321,
    "random_wait_probability": 0.25,
    "blueprints": (Blueprint.NORM, Blueprint.LORA),
}
"""A value that differs from the default, where none can be made of the default itself."""
SETTINGS = dict(walk(RunConfig()))


def other_value(path, value):
    if path[-1] in OTHERS:
        return OTHERS[path[-1]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(member for member in type(value) if member != value)
    if isinstance(value, int):
        return value + 1
    # Most fractions must stay in [0, 1).
    return value / 2 if value else 0.5


def flag_of(path):
    names = [name for name in path if name not in {"engine", "control"}]
    return "--" + ".".join(names).replace("_", "-")


def words_for(path, value):
    flag = flag_of(path)
    if isinstance(value, bool):
        stem, dot, name = flag.removeprefix("--").rpartition(".")
        return [flag if value else f"--{stem}{dot}no-{name}"]
    values = value if isinstance(value, tuple) else (value,)
    return [flag, *(item.name if isinstance(item, Enum) else str(item) for item in values)]


def set_value(record, path, value):
    name, *rest = path
    return replace(
        record, **{name: set_value(getattr(record, name), rest, value) if rest else value}
    )


@pytest.mark.parametrize("path", SETTINGS, ids=flag_of)
def test_every_flag_reaches_the_configuration(path):
    value = other_value(path, SETTINGS[path])
    assert value != SETTINGS[path]
    assert parse(*words_for(path, value)) == set_value(RunConfig(), path, value)


def test_every_default_is_printed_in_full_with_its_owner(capsys):
    code, out, _ = call(capsys, "describe", "defaults", "--json")
    rows = {row["flag"]: row for row in json.loads(out)["defaults"]}
    assert code == 0
    assert list(rows) == [flag_of(path) for path in SETTINGS]
    assert rows["--tracker.smoothing"]["owner"] == "TrackerConfig"
    _, out, _ = call(capsys, "describe", "defaults")
    printed = out.split()
    assert [flag for flag in rows if flag not in printed] == []


@pytest.mark.parametrize("words", [["--plateau-epochs", "4"], ["--plateau-epochs=4"],
                                   ["--plateau_epochs", "4"]])  # fmt: skip
def test_plateau_epochs_is_short_for_its_long_name(words):
    assert parse(*words).control.heuristic.plateau_epochs_to_germinate == 4
    assert parse(*words) == parse(SHORT_FLAGS["--plateau-epochs"], "4")


@pytest.mark.parametrize("words", [["r0c0", "r0c1"], ["r0c0,r0c1"], ["r0c0,", "r0c1"]])
def test_slots_may_stand_apart_or_with_commas(words):
    assert parse("--slots", *words, "--seed", "3") == RunConfig(slots=("r0c0", "r0c1"), seed=3)
    assert parse("--slots=r0c0,r0c1").slots == ("r0c0", "r0c1")


# --- help and descriptions --------------------------------------------------------------------

COMMANDS = ["grow", "compare", "evaluate", "describe", "calibrate"]


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
                                   ["calibrate", "--help"]])  # fmt: skip
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


def test_tasks_are_described_one_below_the_other(capsys):
    _, out, _ = call(capsys, "describe", "task")
    lines = [line.rstrip() for line in out.splitlines()]
    assert {"digits-canvas", "digits-cnn"} <= set(lines)
    assert " closing epochs                10" in lines
    _, out, _ = call(capsys, "describe", "task", "--task", "digits-cnn", "--json")
    (task,) = json.loads(out)["task"]
    assert (task["name"], task["slots"]["r0c2"]) == ("digits-cnn", "pool")


@pytest.mark.parametrize(
    ("topic", "row"),
    [
        (
            "lifecycle",
            ["6", "HOLDING", "FOSSILIZED", "BLENDING", "PRUNED", "G5", "to", "FOSSILIZED"],
        ),
        ("actions", ["slot", "r0c0", "r0c1", "r0c2", "r0c0", "op", "GERMINATE"]),
    ],
)
def test_tables_have_a_row_for_each_entry(capsys, topic, row):
    _, out, _ = call(capsys, "describe", topic)
    assert row in [line.split() for line in out.splitlines()]


def test_actions_are_described_with_the_names_heads_have(capsys):
    _, out, _ = call(capsys, "describe", "actions", "--json")
    heads = json.loads(out)["actions"]
    assert [head["head"] for head in heads][:3] == ["op", "slot", "blueprint"]
    assert heads[7]["depends on"] == ["op", "slot", "alpha_speed"]


def test_the_lifecycle_shows_every_gate(capsys):
    _, out, _ = call(capsys, "describe", "lifecycle", "--json")
    gates = {row["stage"]: row["gate"] for row in json.loads(out)["lifecycle"] if row["gate"]}
    assert gates == {
        "GERMINATED": "G1 to TRAINING",
        "TRAINING": "G2 to BLENDING",
        "BLENDING": "G3 to HOLDING",
        "HOLDING": "G5 to FOSSILIZED",
    }


def test_blueprints_are_described_for_the_channels_asked_for(capsys):
    _, out, _ = call(capsys, "describe", "blueprints", "--channels", "4", "--json")
    rows = {row["blueprint"]: row for row in json.loads(out)["blueprints"]}
    assert rows["NOOP"]["parameters at 4 channels"] in {0, None}
    assert rows["CONV_LIGHT"]["parameters at 4 channels"] > 0


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
    assert "qualif" in out


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
    expected = {"name", "score", "difference", "low", "high", "test_accuracy", "parameters"}
    assert all(expected | {"multiply_adds"} <= set(row) for row in content["rows"])


def test_compare_says_what_its_table_rests_on(capsys):
    code, out, err = call(capsys, *COMPARE, "random-legal", "--seed", "4")
    assert (code, err) == (0, "")
    assert "2 paired seeds (4 to 5)" in out
    assert "score of wait-only on the same seed" in out
    assert "interquartile mean [95 % bootstrap interval]" in out
    assert "built beside random-legal" in out


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


def test_an_evaluation_reads_as_a_sentence(capsys, grown):
    _, out, _ = call(capsys, "evaluate", "--network", grown, "--task", "digits-cnn")
    assert "% right on the test split of digits-cnn" in out


# --- refusals: one line, exit code 2, nothing written -------------------------------------------

BAD = {
    "": "command must be one of grow, compare, evaluate, describe, calibrate, got ''",
    "plant": "command must be one of grow, compare, evaluate, describe, calibrate, got 'plant'",
    "grow --task mnist": "task must be one of digits-canvas, digits-cnn, got 'mnist'",
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
    "calibrate --task mnist": "task must be one of digits-canvas, digits-cnn, got 'mnist'",
    "describe": "TOPIC must be given, got nothing",
    "describe everything": "topic must be one of defaults, blueprints,",
    "describe task --task mnist": "task must be one of digits-canvas, digits-cnn, got 'mnist'",
    "describe blueprints --channels 0": "channels must be at least 1, got 0",
    "evaluate": "--network PATH and --task STR must be given, got nothing",
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
    assert "which holds something else: choose another --out" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_run_is_left_as_it_is(capsys, tmp_path):
    RunFolder(tmp_path / "run").create({"run": 1}, overwrite=False)
    before = (tmp_path / "run" / "config.json").read_bytes()
    code, _, err = call(capsys, "grow", *QUICK, "--out", tmp_path / "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "holds an earlier run: choose another --out or add --overwrite" in err
    assert (tmp_path / "run" / "config.json").read_bytes() == before


@pytest.mark.parametrize("file", ["growth.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_export_is_refused(capsys, tmp_path, grown, file, damage):
    for path in (grown / "export").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
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

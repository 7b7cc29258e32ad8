"""Training and judging a controller from the command line."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tamiyo.cli import main, train
from tamiyo.cli.flags import read_flags
from tamiyo.cli.train import TrainArguments
from tamiyo.learning import Checkpoint
from tamiyo.recipes import TrainConfig
from tests.support.commands import (
    TRAIN_SETTINGS,
    call,
    flag_of,
    other_value,
    set_value,
    words_for,
)

TAMIYO = [sys.executable, "-m", "tamiyo"]
SMALL = [
    *("train", "--total-steps", "80", "--envs", "4", "--rollout-steps", "10"),
    *("--network.hidden", "8", "--network.slot-hidden", "4"),
]
QUICK = [*SMALL, "--surrogate.slots", "1"]


@pytest.fixture(scope="module")
def earlier_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("earlier") / "run"
    assert main([*SMALL, "--json", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("path", TRAIN_SETTINGS, ids=flag_of)
@pytest.mark.requirement("8.5")
def test_every_flag_of_a_training_reaches_its_configuration(path):
    value = other_value(path, TRAIN_SETTINGS[path])
    task = "digits-cnn" if path[0] == "hosts" else None
    words = [*(["--task", task] if task else []), *words_for(path, value)]
    read = read_flags(TrainArguments, words, command="train", examples="").run
    assert value != TRAIN_SETTINGS[path]
    assert read == set_value(TrainConfig(task=task), path, value)


def test_a_controller_is_trained_and_judged(capsys, tmp_path):
    code, out, _ = call(capsys, *QUICK, "--out", tmp_path / "run")
    assert code == 0
    assert "finished after 80 steps, 2 updates" in out
    assert f"tamiyo evaluate {tmp_path / 'run'}" in " ".join(out.split())
    assert (tmp_path / "run" / "learning.png").exists()


def test_a_script_gets_one_object(capsys, tmp_path):
    code, out, err = call(capsys, *QUICK, "--out", tmp_path / "run", "--json")
    trained = json.loads(out)
    assert (code, err) == (0, "")
    assert (trained["steps"], trained["updates"], trained["interrupted"]) == (80, 2, False)
    assert trained["folder"] == str(tmp_path / "run")


def test_a_probe_is_trained_on_and_judged_by_its_returns(capsys, tmp_path):
    words = ["--env", "tamiyo/ProbeActionOnly-v0", "--out", tmp_path / "run"]
    assert call(capsys, *SMALL, *words)[0] == 0
    code, out, _ = call(capsys, "evaluate", tmp_path / "run", "--seeds", "4", "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert [row["name"] for row in rows] == ["learned, sampled", "learned"]
    _, out, _ = call(capsys, "evaluate", tmp_path / "run", "--seeds", "4")
    assert "4 paired episodes (seeds 0 to 3)" in out


def test_the_large_network_is_one_word(capsys, tmp_path):
    words = ["train", "--env", "tamiyo/ProbeActionOnly-v0", "--total-steps", "16", "--envs", "2"]
    assert call(capsys, *words, "--large", "--out", tmp_path / "run")[0] == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["train"]["learner"]["network"]["hidden"] == 512


def test_a_finished_training_can_be_resumed_without_harm(capsys, tmp_path):
    call(capsys, *QUICK, "--out", tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    code, out, _ = call(capsys, "train", "--resume", tmp_path / "run", "--json")
    assert (code, json.loads(out)["steps"]) == (0, 80)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--env", "nowhere"], "env must be one of surrogate, surrogate-tiny, "),
        (["train", "--ppo.clip-range", "2"], "clip_range must be at most 1, got 2.0"),
        (["train", "--envs", "10000000"], "envs must be at most 65536, got 10000000"),
        (["train", "--network.hidden", "1000000000"], "hidden must be at most 4096, got 10000"),
        (
            ["train", "--rollout-steps", "100000", "--envs", "65536"],
            "memory must suffice for 65536",
        ),
        (["train", "--surrogate.noise-points", "inf"], "noise_points must be finite, got inf"),
        (["train", "--env", "Ant-v5"], "env must be one that Gymnasium can make here, got Ant-v5"),
        (
            ["train", "--env", "nowhere_at_all:X-v0"],
            "env must be MODULE:ID with a module to import",
        ),
        (
            ["train", "--env", "Acrobot-v1", "--surrogate.slots", "2"],
            "settings of the surrogate must go with --env surrogate, got Acrobot-v1 with slots 2",
        ),
        (["train", "--resume", "x", "--seed", "3"], "--resume must stand alone (but for --workers"),
        (["train", "--resume", "nowhere"], "run folder must hold the config.json of a run"),
        (["train", "--large", "--network.layers", "2"], "--large must stand without sizes of"),
        (["evaluate"], "must be given either the folder of a training, or --network with --task"),
        (["evaluate", "runs/x", "--task", "digits-cnn"], "got run runs/x, task digits-cnn"),
        (
            ["evaluate", "--network", "x", "--task", "digits-cnn", "--slots", "5"],
            "--slots must go with a training, got 5 for a network",
        ),
        (["evaluate", "nowhere"], "run folder must hold the config.json of a run, got nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ppo.minibatches", "65"], "minibatches must be in [1, 4] (environments), got 65"),
        (["--ppo.learning-rate", "inf"], "learning_rate must be finite, got inf"),
        (["--ppo.learning-rate", "1e6"], "learning_rate must be at most 1, got 1000000.0"),
        (["--ppo.entropy-coefficient", "inf"], "entropy_coefficient must be finite, got inf"),
        (["--envs", "1", "--ppo.minibatches", "2"], "minibatches must be in [1, 1]"),
        (["--env", "FrozenLake-v1"], "observations must be a Box with one axis"),
    ],
)
def test_an_earlier_run_outlives_the_refusal_of_the_next_one(capsys, earlier_run, words, message):
    before = {path.name: path.read_bytes() for path in earlier_run.iterdir()}
    code, _, err = call(capsys, *SMALL, *words, "--out", earlier_run, "--overwrite")
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert {path.name: path.read_bytes() for path in earlier_run.iterdir()} == before


def test_a_picture_that_cannot_be_written_takes_nothing_from_the_run(
    capsys, earlier_run, monkeypatch
):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train, "draw_learning_picture", fail)
    code, out, _ = call(capsys, "train", "--resume", earlier_run)
    assert code == 0
    assert "no picture: [Errno 28] No space left on device" in out


def test_one_environment_is_enough(capsys, tmp_path):
    code, out, _ = call(capsys, *QUICK, "--envs", "1", "--out", tmp_path / "run", "--json")
    assert (code, json.loads(out)["updates"]) == (0, 8)


@pytest.mark.parametrize(
    ("words", "code"), [([], 2), (["--json"], 128 + 13)], ids=["progress", "json"]
)
def test_a_reader_that_leaves_ends_a_training_in_one_line_with_a_checkpoint(tmp_path, words, code):
    ended = call_unread(*QUICK, *words, "--out", str(tmp_path / "run"))
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 0 if words else 1)
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    resumed = subprocess.run(
        [*TAMIYO, "train", "--resume", str(tmp_path / "run"), "--json"],
        capture_output=True,
        check=True,
    )
    assert json.loads(resumed.stdout)["steps"] == 80


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_nobody_reading_on_is_no_traceback(words):
    ended = call_unread(*words)
    assert (ended.returncode, ended.stderr) == (128 + 13, "")


def call_unread(*words):
    """Run a command in a process of its own, with a standard output that nobody reads."""
    source, drain = os.pipe()
    os.close(source)
    with os.fdopen(drain, "wb") as unread:
        return subprocess.run(
            [*TAMIYO, *words], check=False, stdout=unread, stderr=subprocess.PIPE, text=True
        )


# One rollout takes seconds, so that a signal comes in the middle of it.
LONG = [
    *("train", "--total-steps", "1600", "--envs", "2", "--rollout-steps", "800"),
    *("--network.hidden", "8", "--network.slot-hidden", "4", "--ppo.inner-epochs", "1", "--json"),
]


def start_long(folder):
    """Start a training in a process of its own and wait until its first rollout is under way."""
    process = subprocess.Popen(
        [*TAMIYO, *LONG, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log, deadline = folder / "events.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.read_text().count('"TrainingStarted"'):
            time.sleep(0.2)  # some steps of it
            return process
        time.sleep(0.02)
    process.kill()
    pytest.fail("the training did not get going")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.requirement("8.3")
def test_a_signal_stops_within_a_rollout_that_is_finished_after_resume(tmp_path, number):
    process = start_long(tmp_path / "parts")
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    stopped = json.loads(out)
    assert (stopped["updates"], stopped["interrupted"]) == (0, True)
    file = "checkpoint.safetensors"
    rows = Checkpoint.load(tmp_path / "parts" / file).groups["rollout"]["valid"]
    assert 0 < len(rows) < 800
    # Processes of their own: where the math library was used before, it is too late for equal bits.
    for words in (["train", "--resume", tmp_path / "parts"], [*LONG, "--out", tmp_path / "whole"]):
        subprocess.run([*TAMIYO, *words], check=True, stdout=subprocess.DEVNULL, timeout=300)
    resumed, whole = ((tmp_path / name / file).read_bytes() for name in ("parts", "whole"))
    assert resumed == whole


@pytest.mark.slow
@pytest.mark.requirement("8.3")
def test_a_second_signal_ends_a_training_at_once(tmp_path):
    process = start_long(tmp_path / "run")
    process.send_signal(signal.SIGSTOP)  # both are there when it goes on
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "tamiyo: stopped at once\n")
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("content", [b"", b"torn", b"\x80\x04\x95"])
def test_a_damaged_checkpoint_is_refused(capsys, tmp_path, content):
    call(capsys, *QUICK, "--out", tmp_path / "run")
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(content)
    code, _, err = call(capsys, "evaluate", tmp_path / "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "checkpoint must be a whole file of tensors, got " in err

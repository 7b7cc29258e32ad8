"""Training and judging a controller from the command line."""

from __future__ import annotations

import json

import pytest

from tamiyo.cli.flags import read_flags
from tamiyo.cli.train import TrainArguments
from tamiyo.recipes import TrainConfig
from tests.support.commands import (
    TRAIN_SETTINGS,
    call,
    flag_of,
    other_value,
    set_value,
    words_for,
)

QUICK = [
    *("train", "--total-steps", "80", "--envs", "4", "--rollout-steps", "10"),
    *("--network.hidden", "8", "--network.slot-hidden", "4", "--surrogate.slots", "1"),
]


@pytest.mark.parametrize("path", TRAIN_SETTINGS, ids=flag_of)
def test_every_flag_of_a_training_reaches_its_configuration(path):
    value = other_value(path, TRAIN_SETTINGS[path])
    words = words_for(path, value)
    read = read_flags(TrainArguments, words, command="train", examples="").run
    assert value != TRAIN_SETTINGS[path]
    assert read == set_value(TrainConfig(), path, value)


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
    assert call(capsys, *QUICK, *words)[0] == 0
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
        (["train", "--resume", "x", "--seed", "3"], "--resume must stand alone (but for --json)"),
        (["train", "--resume", "nowhere"], "run folder must hold the config.json of a run"),
        (["train", "--large", "--network.layers", "2"], "--large must stand without sizes of"),
        (["evaluate"], "must be given either the folder of a training, or --network with --task"),
        (["evaluate", "runs/x", "--task", "digits-cnn"], "got run runs/x, task digits-cnn"),
        (["evaluate", "nowhere"], "run folder must hold the config.json of a run, got nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"torn", b"\x80\x04\x95"])
def test_a_damaged_checkpoint_is_refused(capsys, tmp_path, content):
    call(capsys, *QUICK, "--out", tmp_path / "run")
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(content)
    code, _, err = call(capsys, "evaluate", tmp_path / "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "checkpoint must be a whole file of tensors, got " in err

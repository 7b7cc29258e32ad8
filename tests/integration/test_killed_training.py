"""A training that dies at the border of a phase goes on to the same bytes.

Dying is an exception that nothing of ours catches; `experiments/survival.py` sends real signals.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest

from tamiyo.contracts import NullSink
from tamiyo.environment import Baseline, HostEnvConfig, SurrogateConfig
from tamiyo.learning import PPO, Trainer, TrainerConfig
from tamiyo.learning.collecting import Collector
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import RunFolder, TrainConfig, resume_training, train_controller
from tamiyo.recipes.learned import train as learned_train

NETWORK = NetworkConfig(hidden=8, slot_hidden=4)
SYNTHETIC = TrainConfig(
    envs=4,
    checkpoint_updates=1,
    learner=TrainerConfig(total_steps=160, rollout_steps=10, network=NETWORK),
    surrogate=SurrogateConfig(slots=2, max_epochs=18),
)
HOSTS = TrainConfig(
    task="digits-mlp",
    envs=2,
    checkpoint_updates=1,
    learner=TrainerConfig(total_steps=24, rollout_steps=4, network=NETWORK),
    hosts=HostEnvConfig(task="digits-mlp", epochs=16, baseline=Baseline.TWIN),
)
CONFIGS = {"synthetic": SYNTHETIC, "hosts": HOSTS}
BORDERS = {
    "in a rollout": (Collector, "_step", "before"),
    "after a rollout": (PPO, "update", "before"),
    "in an update": (PPO, "_step", "before"),
    "after an update": (Trainer, "_rescale", "before"),
    "after the scale moved": (Trainer, "_rescale", "after"),
    "before a checkpoint": (RunFolder, "write_checkpoint", "before"),
    "after a checkpoint": (RunFolder, "write_checkpoint", "after"),
    "when all is done": (learned_train.TrainResult, "__init__", "before"),
}
_ONCE = {"TrainingStarted", "CheckpointWritten", "PhasesTimed", "TrainingFinished"}


class Killed(BaseException):
    """The end of a process."""


def read(folder):
    lines = map(json.loads, folder.events.read_text().splitlines())
    events = [
        {name: value for name, value in event.items() if name != "time"}
        for event in lines
        if event["event"] not in _ONCE
    ]
    return folder.checkpoint.read_bytes(), events


@cache
def train_undisturbed(name, place):
    return read(train_controller(CONFIGS[name], place / name, sink=NullSink()).folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.mark.requirement("8.3")
@pytest.mark.parametrize(
    ("name", "passes"),
    [("synthetic", 1), ("synthetic", 3), pytest.param("hosts", 2, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("border", BORDERS)
def test_a_training_killed_at_a_border_goes_on_to_the_same_bytes(
    tmp_path, monkeypatch, place, name, border, passes
):
    owner, leaf, when = BORDERS[border]
    wrapped, count = getattr(owner, leaf), 0

    def call(*arguments, **options):
        nonlocal count
        count += 1
        if count == passes and when == "before":
            raise Killed
        result = wrapped(*arguments, **options)
        if count == passes:
            raise Killed
        return result

    whole = train_undisturbed(name, place)
    path = tmp_path / "killed"
    with monkeypatch.context() as patched:
        patched.setattr(owner, leaf, call)
        if border == "when all is done":  # which is once
            passes = 1
        with pytest.raises(Killed):
            train_controller(CONFIGS[name], path, sink=NullSink())
    resumed = resume_training(path, sink=NullSink())
    assert read(resumed.folder) == whole


def test_a_killed_write_leaves_a_part_that_nobody_reads(tmp_path, monkeypatch):
    path = tmp_path / "run"
    whole = train_controller(SYNTHETIC, path, sink=NullSink())
    before = read(whole.folder)
    partial = path / "checkpoint.safetensors.partial"
    partial.write_bytes(before[0][:1000])
    assert read(resume_training(path, sink=NullSink()).folder) == before


def test_the_checkpoint_before_the_newest_is_kept_and_no_other(tmp_path):
    config = replace(SYNTHETIC, checkpoint_updates=1)
    folder = train_controller(config, tmp_path / "run", sink=NullSink()).folder
    files = sorted(path.name for path in folder.path.iterdir() if "checkpoint" in path.name)
    assert files == ["checkpoint.earlier.safetensors", "checkpoint.safetensors"]
    assert folder.earlier_checkpoint.read_bytes() != folder.checkpoint.read_bytes()

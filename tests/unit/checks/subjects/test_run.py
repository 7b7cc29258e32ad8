"""Evidence on runs: records, checkpoints, and what a network does with them."""

from __future__ import annotations

import json

import pytest

from tamiyo.checks.subjects import run as subject
from tamiyo.contracts import ArtifactError, NullSink
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import RunConfig, TrainConfig, grow_task, train_controller

LEARNER = TrainerConfig(total_steps=200, network=NetworkConfig(hidden=8, slot_hidden=4))


def observe(path):
    return subject.observe_run(path, seed=0, on_progress=lambda _what: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "trained"
    config = TrainConfig(env="surrogate-tiny", envs=8, learner=LEARNER)
    train_controller(config, path, sink=NullSink())
    return path


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "grown"
    config = RunConfig(task="digits-mlp", controller="random-legal", epochs=14)
    grow_task(config, path, twin=False, sink=NullSink())
    return path


def test_of_a_grown_run_the_record_is_read(grown):
    evidence = observe(grown)
    assert [len(course.steps) for course in evidence.courses] == [14]
    assert (evidence.play, evidence.rehearsal, evidence.checkpoint) == (None, None, None)
    assert evidence.left_out == 0


def test_of_a_training_updates_and_checkpoint_are_read_and_its_network_learns(trained):
    evidence = observe(trained)
    assert [update.update for update in evidence.updates] == list(
        range(1, len(evidence.updates) + 1)
    )
    assert evidence.checkpoint.facts["steps"] == evidence.updates[-1].steps
    assert evidence.is_fresh
    assert evidence.failures == ()
    assert evidence.play.layout.slots == evidence.rehearsal.after.specs.observation.slots


def test_a_training_without_a_checkpoint_yet_is_looked_at_all_the_same(trained, tmp_path):
    for name in ("config.json", "events.jsonl"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    evidence = observe(tmp_path)
    assert evidence.checkpoint is None
    assert evidence.rehearsal is not None


def test_a_configuration_without_a_lifecycle_is_refused(grown, tmp_path):
    for name in ("config.json", "events.jsonl"):
        (tmp_path / name).write_bytes((grown / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    del config["run"]["engine"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match=r"config\.json must hold the lifecycle of the run"):
        observe(tmp_path)


def test_an_update_that_is_not_whole_is_refused(trained, tmp_path):
    for name in ("config.json", "checkpoint.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    log = (trained / "events.jsonl").read_text().replace('"report"', '"rapport"')
    (tmp_path / "events.jsonl").write_text(log)
    with pytest.raises(ArtifactError, match="every update on record must have a whole report"):
        observe(tmp_path)

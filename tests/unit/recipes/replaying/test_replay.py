from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from tamiyo.contracts import (
    EVENT_SCHEMA,
    ArtifactError,
    TrainingStarted,
    encode_event,
    encode_record,
)
from tamiyo.recipes import RunFolder, TrainConfig, grow_task, load_network, replay_run
from tamiyo.recipes.learned.config import hash_training
from tests.support.host_envs import QUICK
from tests.support.replayed import log_episode
from tests.support.schedules import build_growing_config


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    config = build_growing_config(folder)
    grow_task(config, folder / "run", twin=False)
    # Whoever decided is gone: the replay must not ask it.
    (folder / "plan.toml").unlink()
    return folder / "run"


@pytest.fixture
def copied(tmp_path, grown):
    return shutil.copytree(grown, tmp_path / "copy")


def rewrite(path, find, put):
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, put, 1), encoding="utf-8")


def test_a_run_is_rebuilt_bit_for_bit_without_its_controller(grown, tmp_path):
    seen = []
    result = replay_run(
        grown, out=tmp_path / "again", on_progress=lambda done, _all: seen.append(done)
    )
    assert result.is_equal
    assert result.compared.difference is None
    assert result.weights_sha256 == result.exported_sha256
    assert [fossil.slot_id for fossil in result.fossils] == ["r0c1"]
    assert result.controller.startswith("schedule:")
    assert (result.epochs, result.is_finished) == (20, True)
    assert seen == list(range(1, 21))
    before, after = (load_network(folder).state_dict() for folder in (grown, tmp_path / "again"))
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_a_killed_run_is_rebuilt_as_far_as_it_came(copied):
    log = copied / "events.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    ends = [n for n, line in enumerate(lines) if '"EpochCompleted"' in line]
    log.write_text("".join(lines[: ends[5] + 2])[:-30], encoding="utf-8")
    shutil.rmtree(copied / "export")
    result = replay_run(copied)
    assert result.is_equal
    assert (result.epochs, result.is_finished, result.exported_sha256) == (6, False, None)
    assert result.gaps == "left out of the log: a torn last event"
    assert result.compared.equal == ends[5] + 1


def test_another_number_in_the_log_is_found(copied):
    log = copied / "events.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    number = [n for n, line in enumerate(lines) if '"EpochCompleted"' in line][3]
    event = json.loads(lines[number])
    event["measured"]["control_loss"] += 1e-12
    lines[number] = json.dumps(event) + "\n"
    log.write_text("".join(lines), encoding="utf-8")
    result = replay_run(copied)
    assert not result.is_equal
    assert result.weights_sha256 == result.exported_sha256
    difference = result.compared.difference
    assert (difference.epoch, difference.field) == (4, "measured.control_loss")


def test_another_network_in_the_export_is_found(copied):
    weights = copied / "export" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    result = replay_run(copied)
    assert result.compared.difference is None
    assert not result.is_equal


def test_another_decision_gives_another_network(copied):
    rewrite(copied / "events.jsonl", '"blueprint":"CONV_LIGHT"', '"blueprint":"CONV_HEAVY"')
    result = replay_run(copied)
    assert not result.is_equal
    assert result.compared.difference.event == "StageChanged"


def test_a_configuration_that_is_not_that_of_the_log_is_refused(copied):
    rewrite(
        copied / "config.json",
        '"seed_learning_rate_factor": 0.5',
        '"seed_learning_rate_factor": 0.6',
    )
    with pytest.raises(ArtifactError, match=r"config\.json must be that of the log, whose hash is"):
        replay_run(copied)


def test_a_log_without_an_epoch_is_refused(copied):
    log = copied / "events.jsonl"
    log.write_text(log.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match="must hold a completed epoch to be replayed, got none"):
        replay_run(copied)


def test_an_export_without_weights_is_refused(copied):
    (copied / "export" / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"must hold a readable weights\.safetensors"):
        replay_run(copied)


# --- episodes of a training -------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of which two episodes were recorded."""
    config = TrainConfig(task="spirals", envs=8, hosts=replace(QUICK, group_size=4))
    folder = RunFolder(tmp_path_factory.mktemp("trained") / "run")
    folder.create({"train": encode_record(config)}, overwrite=False)
    start = TrainingStarted(
        env_id="tamiyo/Spirals-v0",
        seed=0,
        config_hash=hash_training(config),
        num_envs=8,
        total_steps=64,
        steps=0,
        parameters=9,
    )
    events = [encode_event(start)]
    for episode in range(2):
        events += log_episode(config.hosts, seed=20 + episode, environment=0, episode=episode)
    lines = (json.dumps({"schema": EVENT_SCHEMA, "time": "", **event}) for event in events)
    folder.events.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def test_an_episode_of_a_training_is_rebuilt(trained, tmp_path):
    result = replay_run(trained.path, out=tmp_path / "network")
    assert result.is_equal
    assert (result.environment, result.episode, result.seed, result.controller) == (0, 1, 21, None)
    assert (result.epochs, result.is_finished, result.exported_sha256) == (14, True, None)
    assert load_network(tmp_path / "network") is not None
    first = replay_run(trained.path, environment=0, episode=0)
    assert (first.seed, first.is_equal) == (20, True)
    assert first.weights_sha256 != result.weights_sha256


def test_an_episode_with_another_score_is_found(trained, tmp_path):
    folder = shutil.copytree(trained.path, tmp_path / "copy")
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    end = json.loads(lines[-1])
    end["score"] += 1.0
    (folder / "events.jsonl").write_text("\n".join([*lines[:-1], json.dumps(end)]), "utf-8")
    difference = replay_run(folder).compared.difference
    assert (difference.event, difference.field) == ("EpisodeFinished", "score")


def test_what_steps_were_paid_is_not_compared(trained, tmp_path):
    folder = shutil.copytree(trained.path, tmp_path / "copy")
    rewrite(folder / "events.jsonl", '"episode_return": 1.5', '"episode_return": 9.5')
    assert replay_run(folder).is_equal

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from tamiyo.contracts import ArtifactError, ConfigError, encode_record
from tamiyo.controller import WAIT_ONLY
from tamiyo.recipes import (
    RunConfig,
    TrainConfig,
    build_effective_task,
    encode_config,
    hash_config,
)
from tamiyo.recipes.learned.config import hash_training
from tamiyo.recipes.replaying.settings import (
    load_run_task,
    read_episode_config,
    read_run_config,
)


def record(config, **changes):
    """Return what a run with a configuration leaves: the folder's settings and their hash."""
    task = build_effective_task(config).config
    content = json.loads(json.dumps({**encode_config(config, task), **changes}))
    return content, hash_config(config, task)


CONFIG = RunConfig(task="digits-cnn", seed=3, epochs=20, slots=("r0c1",))


def test_settings_are_read_but_for_who_decided():
    content, config_hash = record(CONFIG)
    assert read_run_config(content, config_hash) == replace(CONFIG, controller=WAIT_ONLY)


def test_settings_of_another_run_are_refused():
    content, _ = record(CONFIG)
    _, other = record(replace(CONFIG, seed=4))
    with pytest.raises(ArtifactError, match=r"config\.json must be that of the log, whose hash is"):
        read_run_config(content, other)


def test_a_model_of_ones_own_is_refused():
    content, _ = record(CONFIG)
    content["run"]["task"] = "MyModel"
    text = json.dumps({name: content[name] for name in ("run", "task")}, sort_keys=True)
    config_hash = hashlib.sha256(text.encode()).hexdigest()[:16]
    with pytest.raises(ConfigError, match="got 'MyModel': a model of your own"):
        read_run_config(content, config_hash)


def test_episodes_are_those_of_the_training():
    config = TrainConfig(task="spirals", envs=8)
    content = json.loads(json.dumps({"train": encode_record(config)}))
    assert read_episode_config(content, hash_training(config)) == config.hosts
    with pytest.raises(ArtifactError, match="that of the log, whose hash is 0"):
        read_episode_config(content, "0")
    with pytest.raises(ArtifactError, match=r"config\.json must be that of the log"):
        read_episode_config({}, hash_training(config))


def test_the_task_is_that_of_the_run():
    content, config_hash = record(CONFIG)
    task, data = load_run_task(content, read_run_config(content, config_hash))
    assert list(task.slots) == ["r0c1"]
    assert task.config.max_epochs == 20
    assert data.test is not None


def test_another_task_of_that_name_is_refused():
    content, _ = record(CONFIG)
    content["task"]["rent_points"] = 99.0
    with pytest.raises(ArtifactError, match="must be what it was in the run, got another rent_po"):
        load_run_task(content, CONFIG)


def test_another_text_is_refused():
    content, _ = record(CONFIG)
    content["text_sha256"] = "abc"
    with pytest.raises(ArtifactError, match=r"text must be that of the run \(abc\), got None"):
        load_run_task(content, CONFIG)

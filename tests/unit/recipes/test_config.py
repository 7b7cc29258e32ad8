from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from tamiyo.contracts import ConfigError, SlotIdError, UnknownNameError
from tamiyo.controller import TrackerConfig
from tamiyo.recipes import (
    RunConfig,
    build_effective_task,
    encode_config,
    hash_config,
    is_debugging,
)
from tamiyo.tasks import get_task

CONFIG = RunConfig(task="digits-cnn")


@pytest.mark.parametrize("epochs", [0, -3])
def test_a_run_has_epochs(epochs):
    with pytest.raises(ConfigError, match=f"epochs must be at least 1, got {epochs}"):
        RunConfig(epochs=epochs)


def test_a_seed_is_not_negative():
    with pytest.raises(ConfigError, match="seed must be at least 0, got -1"):
        RunConfig(seed=-1)


def test_without_settings_the_task_is_the_registered_one():
    assert build_effective_task(CONFIG) == get_task("digits-cnn")


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match=r"task must be one of .*digits-cnn.*, got 'mnist'"):
        build_effective_task(RunConfig(task="mnist"))


def test_epochs_become_those_of_the_task():
    assert build_effective_task(replace(CONFIG, epochs=17)).config.max_epochs == 17


def test_epochs_must_leave_room_for_a_decision():
    closing = get_task("digits-cnn").config.closing_epochs
    with pytest.raises(ConfigError, match=f"more than the {closing} closing .* got {closing}"):
        build_effective_task(replace(CONFIG, epochs=closing))
    assert build_effective_task(replace(CONFIG, epochs=closing + 1)).config.decision_epochs == 1


def test_chosen_slots_keep_the_order_of_the_task():
    task = build_effective_task(replace(CONFIG, slots=("r0c2", "r0c0")))
    assert list(task.slots) == ["r0c0", "r0c2"]


@pytest.mark.parametrize(
    ("slots", "message"),
    [(("r9c9",), "among r0c0, r0c1, r0c2 for task digits-cnn, got 'r9c9'"), ((), "got none")],
)
def test_slots_are_some_of_the_tasks(slots, message):
    with pytest.raises(SlotIdError, match=message):
        build_effective_task(replace(CONFIG, slots=slots))


def test_the_effective_configuration_is_plain_json_and_holds_the_defaults():
    content = encode_config(CONFIG, get_task("digits-cnn").config)
    assert json.loads(json.dumps(content)) == content
    assert content["task"]["max_epochs"] == get_task("digits-cnn").config.max_epochs
    assert content["run"]["tracker"]["smoothing"] == TrackerConfig().smoothing


def test_equal_settings_hash_equal_and_any_change_shows():
    task = get_task("digits-cnn").config
    hashes = {
        hash_config(config, task)
        for config in (
            CONFIG,
            RunConfig(task="digits-cnn"),
            replace(CONFIG, seed=1),
            replace(CONFIG, tracker=TrackerConfig(smoothing=0.25)),
        )
    } | {hash_config(CONFIG, replace(task, max_epochs=61))}
    assert len(hashes) == 4


@pytest.mark.parametrize("name", ["TAMIYO_DEBUG", "ESPER_DEBUG_STAGE"])
@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False)])
def test_the_environment_asks_for_the_assertions(monkeypatch, name, value, expected):
    assert is_debugging({name: value}) is expected
    for other in ("TAMIYO_DEBUG", "ESPER_DEBUG_STAGE"):
        monkeypatch.delenv(other, raising=False)
    assert not is_debugging()
    monkeypatch.setenv(name, value)
    assert is_debugging() is expected


def test_a_slot_is_named_once():
    with pytest.raises(SlotIdError, match="slots must be unique, got 'r0c0' twice"):
        build_effective_task(RunConfig(task="digits-cnn", slots=("r0c0", "r0c0")))


def test_a_schedule_belongs_to_the_configuration_by_what_is_in_it(tmp_path):
    path = tmp_path / "plan.toml"
    config = RunConfig(task="digits-cnn", controller=f"schedule:{path}")
    task, hashes = get_task("digits-cnn").config, []
    for epoch in (2, 3):
        path.write_text(f'[[seed]]\nslot = "r0c0"\ngerminate = {epoch}\nblueprint = "norm"\n')
        hashes.append(hash_config(config, task))
    assert hashes[0] != hashes[1]
    assert encode_config(config, task)["run"]["schedule"]["seeds"][0]["germinate"] == 3


def test_a_policy_belongs_to_the_configuration_by_its_content(tmp_path):
    path = tmp_path / "policy.safetensors"
    config = RunConfig(task="digits-cnn", controller=f"learned:{path}")
    task, hashes = get_task("digits-cnn").config, []
    for content in (b"one", b"two", b"one"):
        path.write_bytes(content)
        hashes.append(hash_config(config, task))
    assert hashes[0] == hashes[2] != hashes[1]
    assert encode_config(config, task)["run"]["policy_sha256"] == sha256(b"one").hexdigest()
    alone = replace(config, controller=str(path))
    assert encode_config(alone, task)["run"]["policy_sha256"] == sha256(b"one").hexdigest()

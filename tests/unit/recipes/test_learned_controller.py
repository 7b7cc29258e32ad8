"""A trained policy as a controller: it decides as it does in lockstep, and where it may not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from tamiyo.contracts import (
    HEADS_USED_BY,
    ArtifactError,
    ConfigError,
    Head,
    ScheduleError,
    UnknownNameError,
)
from tamiyo.controller import ControllerConfig, is_legal
from tamiyo.environment import (
    ProbeVectorEnv,
    SurrogateConfig,
    SurrogateVectorEnv,
    play_controllers,
    play_episode,
)
from tamiyo.learning import Checkpoint, Trainer, TrainerConfig, fit_policy, load_policy
from tamiyo.learning.normalizers import ValueScale
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import LearnedController, export_policy, learned_controller
from tamiyo.recipes.learned_controller import (
    SHIPPED,
    build_run_controller,
    find_policy,
    hash_policy,
    is_learned,
)
from tests.support.reports import build_host_report, build_signals, host_reports, training_signals

FAMILY = SurrogateConfig(slots=2, max_epochs=15)
TASK = FAMILY.task
LEARNER = TrainerConfig(
    total_steps=10_000, rollout_steps=10, network=NetworkConfig(hidden=8, slot_hidden=4)
)


def train(family=FAMILY):
    """Train a little and then stir the weights, for a policy with opinions of its own."""
    trainer = Trainer(SurrogateVectorEnv(4, family), LEARNER, seed=0)
    trainer.train(updates=1)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in trainer.network.parameters():
            weights.add_(torch.randn(weights.shape, generator=generator), alpha=0.5)
    return trainer


TRAINER = train()
POLICY = TRAINER.policy


def build(policy=POLICY, task=TASK, slot_ids=FAMILY.slot_ids, name="learned:x", seed=None):
    return LearnedController(policy, task, slot_ids, name=name, seed=seed)


def build_named(name, task=TASK):
    return build_run_controller(name, ControllerConfig(), task, slot_ids=("r0c0",), seed=0)


@pytest.fixture
def folder(tmp_path):
    """What a training leaves, as far as its policy is concerned."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "checkpoint.safetensors").write_bytes(TRAINER.encode_checkpoint())
    return path


def play_in_lockstep(policy, env, seed):
    """Play an episode in every environment; return what came of it and the ops chosen."""
    state, generator = policy.network.initial_state(env.num_envs), torch.Generator()
    ops = set()

    def decide(observations, info):
        nonlocal state
        actions, state = policy.act(
            observations,
            info["action_mask_by_op"],
            state,
            deterministic=True,
            generator=generator,
        )
        ops.update(actions[:, 0].tolist())
        return actions

    return play_episode(env, decide, seed=seed), ops


@pytest.mark.parametrize("telemetry", [False, True])
@pytest.mark.parametrize("slots", [2, 3])
def test_hosts_it_decides_for_one_by_one_grow_as_in_lockstep(slots, telemetry):
    policy = train(replace(FAMILY, telemetry=telemetry)).policy
    family = replace(FAMILY, slots=slots, telemetry=telemetry)
    env = SurrogateVectorEnv(6, family)
    expected, ops = play_in_lockstep(fit_policy(policy, env), env, seed=3)
    alone = [build(policy, family.task, family.slot_ids) for _ in range(6)]
    outcomes = play_controllers(SurrogateVectorEnv(6, family), alone, seed=3)
    assert all(map(np.array_equal, outcomes, expected))
    assert len(ops) > 2


@settings(max_examples=50)
@given(host=host_reports(), signals=training_signals())
def test_whatever_it_decides_is_legal(host, signals):
    controller = build(slot_ids=host.slot_ids)
    for _ in range(2):
        assert is_legal(host, controller.decide(signals, host))


def test_it_remembers_what_it_saw_and_another_one_does_not():
    host, signals = build_host_report(), build_signals()
    first = build(slot_ids=host.slot_ids)
    reasons = [first.decide(signals, host).reason for _ in range(2)]
    assert build(slot_ids=host.slot_ids).decide(signals, host).reason == reasons[0] != reasons[1]
    assert first.name == "learned:x"


def test_it_draws_by_its_seed_and_from_no_generator_but_its_own():
    host, signals = build_host_report(), build_signals()

    def decide(seed):
        controller = build(slot_ids=host.slot_ids, seed=seed)
        return [controller.decide(signals, host).reason for _ in range(8)]

    before = torch.random.get_rng_state()
    drawn = [decide(seed) for seed in range(4)]
    assert drawn == [decide(seed) for seed in range(4)]
    assert len({tuple(reasons) for reasons in drawn}) > 1
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_decision_tells_how_probable_it_was_and_what_is_expected():
    host, signals = build_host_report(), build_signals()
    scaled = replace(POLICY, value_scale=ValueScale(offset=50.0, factor=0.0))
    reason = build(scaled, slot_ids=host.slot_ids).decide(signals, host).reason
    assert re.fullmatch(r"probability [01]\.\d\d, value 50\.0", reason)
    silent = replace(POLICY, value_scale=None)
    assert "value" not in build(silent, slot_ids=host.slot_ids).decide(signals, host).reason


def test_its_evidence_is_what_it_chose_from_and_what_it_expects():
    host, signals = build_host_report(), build_signals()
    scaled = replace(POLICY, value_scale=ValueScale(offset=50.0, factor=0.0))
    controller = build(scaled, slot_ids=host.slot_ids)
    assert controller.evidence is None
    decision = controller.decide(signals, host)
    evidence = controller.evidence
    assert set(evidence.probabilities) == set(HEADS_USED_BY[decision.op])
    assert set(evidence.probabilities[Head.OP]) == {op.name for op in evidence.legal_ops}
    for choices in evidence.probabilities.values():
        assert sum(choices.values()) == pytest.approx(1.0, abs=1e-5)
    assert (evidence.value, evidence.moved) == (50.0, ())
    controller.decide(build_signals(control_loss=0.3), host)
    assert "control_loss" in {move.field for move in controller.evidence.moved}


def test_where_only_the_data_knows_the_batches_those_of_the_epochs_so_far_count():
    host = build_host_report()
    unsaid = build(task=replace(TASK, batches_per_epoch=None), slot_ids=host.slot_ids)
    said = build(slot_ids=host.slot_ids)
    for epoch in (0, 1, 5):
        steps = epoch * TASK.batches_per_epoch
        signals = build_signals(epoch=epoch, global_step=steps)
        assert unsaid.decide(signals, host) == said.decide(signals, host)


def test_another_horizon_is_refused_with_both_numbers():
    task = replace(TASK, max_epochs=40)
    message = "must be the 10 that learned:x was trained for, got 35: with 15 epochs they are"
    with pytest.raises(ConfigError, match=message):
        build(task=task)
    assert build(replace(POLICY, episode_length=None), task=task).name == "learned:x"


def test_a_policy_for_something_else_than_hosts_is_refused():
    policy = Trainer(ProbeVectorEnv(4, probe="RememberBit5"), LEARNER, seed=0).policy
    with pytest.raises(ArtifactError, match=r"must have the policy's layout .*, got layout"):
        build(replace(policy, episode_length=None))


@pytest.mark.parametrize("place", ["", "checkpoint.safetensors"])
@pytest.mark.parametrize("prefix", ["learned:", ""])
def test_a_policy_is_named_by_its_folder_or_its_file(folder, prefix, place):
    name = f"{prefix}{folder / place}"
    assert is_learned(name)
    assert find_policy(name) == folder / "checkpoint.safetensors"
    assert isinstance(build_named(name), LearnedController)
    assert build_named(name).name == name


@pytest.mark.parametrize("name", ["learned:", "learned:gone", "learned:gone.safetensors"])
def test_a_policy_that_is_not_there_is_refused(folder, monkeypatch, name):
    monkeypatch.chdir(folder)  # where no path at all would be found
    message = f"must name a .safetensors file or the folder of a training .*, got '{name}'"
    with pytest.raises(ArtifactError, match=message):
        build_named(name)


def test_the_policy_that_comes_along_is_named_by_one_word():
    assert is_learned("learned")
    assert find_policy("learned") == SHIPPED


def test_a_package_without_its_policy_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(learned_controller, "SHIPPED", tmp_path / "gone.safetensors")
    with pytest.raises(ArtifactError, match="got 'learned'"):
        find_policy("learned")


def test_names_that_are_known_are_no_paths(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename("wait-only")
    assert not is_learned("wait-only")
    assert build_named("wait-only").name == "wait-only"
    with pytest.raises(ScheduleError, match="gone"):
        build_named("schedule:gone.toml")


@pytest.mark.parametrize("name", ["magic", "", "some/folder"])
def test_an_unknown_name_is_refused_with_all_that_are_known(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    known = "heuristic, random-legal, wait-only, schedule:PATH, learned:PATH"
    with pytest.raises(UnknownNameError, match=f"must be one of {known}, got '{name}'"):
        build_named(name)


def test_a_damaged_policy_is_refused(folder):
    (folder / "checkpoint.safetensors").write_bytes(b"torn")
    with pytest.raises(ArtifactError, match=r"must be a whole file of tensors, got .*run"):
        build_named(f"learned:{folder}")


def test_a_policy_that_was_trained_on_is_hashed_and_loaded_anew(folder):
    name, file = f"learned:{folder}", folder / "checkpoint.safetensors"
    before, host = hash_policy(name), build_host_report()
    first = build_named(name).decide(build_signals(), host)
    other = replace(Checkpoint.load(file), facts=Checkpoint.load(file).facts | {"steps": 0})
    groups = {**other.groups, "value_normalizer": {**other.groups["value_normalizer"]}}
    groups["value_normalizer"]["mean"] = torch.tensor(77.0, dtype=torch.float64)
    file.write_bytes(replace(other, groups=groups).encode())
    assert hash_policy(name) != before
    assert build_named(name).decide(build_signals(), host) != first


def test_an_export_is_slim_and_decides_alike(folder, tmp_path):
    file = tmp_path / "policy.safetensors"
    export_policy(f"learned:{folder}", file)
    assert file.stat().st_size < (folder / "checkpoint.safetensors").stat().st_size / 2
    assert load_policy(file).episode_length == 10
    host, signals = build_host_report(), build_signals()
    whole, slim = (build_named(name).decide(signals, host) for name in (str(folder), str(file)))
    assert slim == whole
    assert "value" in slim.reason
    again = tmp_path / "again.safetensors"
    export_policy(str(file), again)
    assert again.read_bytes() == file.read_bytes()


def test_an_export_needs_a_folder_that_is_there(folder, tmp_path):
    with pytest.raises(ArtifactError, match=r"can be written, got .*gone.*policy.safetensors: No "):
        export_policy(str(folder), tmp_path / "gone" / "policy.safetensors")

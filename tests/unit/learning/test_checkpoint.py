"""Checkpoints: everything back as it was, nothing that is not one accepted."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tamiyo.contracts import (
    ActionSpec,
    ArtifactError,
    ObservationSpec,
    SlotBlock,
    build_action_spec,
)
from tamiyo.environment import ProbeVectorEnv
from tamiyo.learning import Trainer, TrainerConfig, encode_policy, load_policy
from tamiyo.learning.checkpoint import Checkpoint, Specs, check_specs
from tamiyo.learning.normalizers import ValueScale
from tamiyo.policy import NetworkConfig

GROWTH = Specs(
    build_action_spec(("r0c0", "r0c1")),
    ObservationSpec(
        size=9, slots=2, slot_blocks=(SlotBlock(offset=3, size=3),), slot_head="slot", version="a"
    ),
)
FLAT = Specs(ActionSpec.independent([3, 2]), ObservationSpec(size=4))


@pytest.mark.parametrize("specs", [GROWTH, FLAT], ids=["growth", "flat"])
def test_specifications_come_back_as_they_were(specs):
    assert Specs.decode(specs.encode()) == specs


def test_other_specifications_are_refused_with_both():
    check_specs(GROWTH, GROWTH)
    with pytest.raises(ArtifactError, match=r"layout a \(9\).*, got layout flat \(4\)"):
        check_specs(GROWTH, FLAT)


def test_tensors_and_facts_come_back_as_they_were(tmp_path):
    groups = {"one": {"a": torch.arange(3), "b/c": torch.ones(2, 2)}, "two": {"a": torch.zeros(())}}
    path = tmp_path / "file"
    path.write_bytes(Checkpoint(groups=groups, facts={"steps": 3}).encode())
    loaded = Checkpoint.load(path)
    assert loaded.facts["steps"] == 3
    assert {name: set(parts) for name, parts in loaded.groups.items()} == {
        "one": {"a", "b/c"},
        "two": {"a"},
    }
    assert torch.equal(loaded.groups["one"]["b/c"], torch.ones(2, 2))


def test_equal_checkpoints_have_equal_bytes():
    checkpoint = Checkpoint(groups={"one": {"a": torch.arange(3)}}, facts={"steps": 3})
    assert checkpoint.encode() == checkpoint.encode()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"must be a whole file of tensors, got .*gone"):
        Checkpoint.load(tmp_path / "gone")


def test_tensors_of_something_else_are_refused(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "weights")
    with pytest.raises(ArtifactError, match="must be of format tamiyo-checkpoint-1, got None"):
        Checkpoint.load(tmp_path / "weights")


def test_a_policy_alone_is_loaded_like_a_checkpoint(tmp_path):
    config = TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8))
    trainer = Trainer(ProbeVectorEnv(4, probe="RememberBit5"), config, seed=0)
    trainer.train()
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    whole.write_bytes(trainer.encode_checkpoint())
    alone.write_bytes(encode_policy(Checkpoint.load(whole)))
    held = Checkpoint.load(alone).groups
    assert set(held) == {
        "network",
        "observation_normalizer",
        "value_normalizer",
        "reward_normalizer",
    }
    for policy in (load_policy(whole), load_policy(alone)):
        assert (policy.specs, policy.episode_length) == (trainer.specs, 6)
        assert policy.value_scale == trainer.policy.value_scale != ValueScale(0.0, 1.0)
        weights = zip(policy.network.parameters(), trainer.network.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in weights)


def test_a_policy_whose_file_does_not_tell_its_unit_has_none(tmp_path):
    config = TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8))
    trainer = Trainer(ProbeVectorEnv(4, probe="RememberBit5"), config, seed=0)
    path = tmp_path / "file"
    path.write_bytes(trainer.encode_checkpoint())
    whole = Checkpoint.load(path)
    groups = {name: whole.groups[name] for name in ("network", "observation_normalizer")}
    path.write_bytes(replace(whole, groups=groups).encode())
    assert load_policy(path).value_scale is None


def test_a_loaded_policy_decides_as_the_trainer_s_own(tmp_path):
    env = ProbeVectorEnv(4, probe="ObservedAction")
    config = TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8))
    trainer = Trainer(env, config, seed=0)
    trainer.train()
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(trainer.encode_checkpoint())
    policies = (load_policy(path), trainer.policy)
    observations, info = ProbeVectorEnv(4, probe="ObservedAction").reset(seed=0)
    masks = info.get("action_mask_by_op", info["action_mask"])
    chosen = [
        policy.act(
            observations,
            masks,
            policy.network.initial_state(4),
            deterministic=False,
            generator=torch.Generator().manual_seed(0),
        )[0]
        for policy in policies
    ]
    assert np.array_equal(*chosen)


class Intruder:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize(
    "save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))]
)
def test_code_in_a_file_is_refused_and_not_run(tmp_path, save):
    save(Intruder(tmp_path / "trace"), tmp_path / "file")
    with pytest.raises(ArtifactError, match="must be a whole file of tensors, got"):
        Checkpoint.load(tmp_path / "file")
    assert not (tmp_path / "trace").exists()

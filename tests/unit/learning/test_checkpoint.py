"""Checkpoints: everything back as it was, nothing that is not one accepted."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tamiyo.contracts import ArtifactError
from tamiyo.environment import ProbeVectorEnv
from tamiyo.learning import Trainer, TrainerConfig, encode_policy, load_policy
from tamiyo.learning.checkpoint import Checkpoint
from tamiyo.learning.normalizers import ValueScale
from tamiyo.policy import NetworkConfig


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


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'steps\\": 3', b'steps\\": 4'), (b"F32", b"I32"), (b"\x00\x00\x80?", b"\x00\x00\x81?")],
    ids=["fact", "dtype", "number"],
)
def test_an_altered_file_is_refused(tmp_path, old, new):
    content = Checkpoint(groups={"one": {"a": torch.ones(2)}}, facts={"steps": 3}).encode()
    assert old in content
    (tmp_path / "file").write_bytes(content.replace(old, new, 1))
    with pytest.raises(ArtifactError, match=r"must match its own digest, got .*file: altered"):
        Checkpoint.load(tmp_path / "file")


def test_a_file_of_a_version_without_a_digest_is_read(tmp_path):
    facts = json.dumps({"format": "tamiyo-checkpoint-1", "steps": 3})
    save_file({"one/a": torch.ones(2)}, tmp_path / "file", {"tamiyo": facts})
    assert Checkpoint.load(tmp_path / "file").facts["steps"] == 3


def test_a_network_that_is_said_to_be_larger_than_what_is_held_is_not_built(tmp_path):
    trainer = Trainer(
        ProbeVectorEnv(4, probe="RememberBit5"),
        TrainerConfig(total_steps=64, rollout_steps=8, network=NetworkConfig(hidden=8)),
        seed=0,
    )
    path = tmp_path / "file"
    path.write_bytes(trainer.encode_checkpoint())
    whole = Checkpoint.load(path)
    config = {"network": {**whole.facts["config"]["network"], "hidden": 4096}}
    path.write_bytes(replace(whole, facts={**whole.facts, "config": config}).encode())
    with pytest.raises(ArtifactError, match=r"must hold its 16777216 weights, got \d+"):
        load_policy(path)

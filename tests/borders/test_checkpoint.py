"""A damaged checkpoint: refused in one line, or the policy it was."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import TamiyoError
from tamiyo.environment import ProbeVectorEnv
from tamiyo.learning import LearnedPolicy, Trainer, TrainerConfig, load_policy
from tamiyo.policy import NetworkConfig
from tests.support.damage import damaged_bytes, damaged_values, encode_deeply, meet

CONFIG = TrainerConfig(total_steps=32, rollout_steps=8, network=NetworkConfig(hidden=4))


def build_trainer():
    return Trainer(ProbeVectorEnv(2, probe="RememberBit5"), CONFIG, seed=0)


def train():
    trainer = build_trainer()
    trainer.update()
    return trainer.encode_checkpoint()


WHOLE = train()
START = 8 + int.from_bytes(WHOLE[:8], "little")
HEADER = json.loads(WHOLE[8:START])
FACTS = json.loads(HEADER["__metadata__"]["tamiyo"].partition(" ")[2])


def build(header, facts=FACTS):
    """Build a file with a right digest, as a forger would, where it can have one."""
    text = json.dumps(facts)
    if isinstance(header, dict):
        header = {name: entry for name, entry in header.items() if name != "__metadata__"}
        told = json.dumps([header, text], sort_keys=True).encode()
        digest = hashlib.sha256(told + WHOLE[START:]).hexdigest()
        header["__metadata__"] = {"tamiyo": f"{digest} {text}"}
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + WHOLE[START:]


def load_both(path, content):
    """Load it as a controller and as a training to go on with."""
    path.write_bytes(content)
    policy = meet(load_policy, path)
    assert isinstance(policy, LearnedPolicy | TamiyoError)
    meet(build_trainer().load_checkpoint, path)
    assert path.read_bytes() == content
    return policy


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"


def test_what_the_damage_starts_from_is_whole(path):
    assert isinstance(load_both(path, build(HEADER)), LearnedPolicy)
    build_trainer().load_checkpoint(path)


@settings(max_examples=150)
@given(
    content=damaged_bytes(WHOLE)
    | damaged_bytes(WHOLE[:START]).map(lambda head: head + WHOLE[START:])
)
def test_no_damaged_byte_goes_unseen(path, content):
    assert content == WHOLE or isinstance(load_both(path, content), TamiyoError)


@settings(max_examples=60)
@given(header=damaged_values(HEADER))
def test_a_damaged_header_is_refused(path, header):
    load_both(path, build(header))


@settings(max_examples=200)
@given(facts=damaged_values(FACTS) | damaged_values({**FACTS, "history": []}))
def test_facts_that_were_forged_are_refused_or_harmless(path, facts):
    load_both(path, build(HEADER, facts))


@pytest.mark.parametrize(
    "header",
    [
        {"network/a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
        {"network/a": {"dtype": "F32", "shape": [0, 10**12, 10**12], "data_offsets": [0, 0]}},
    ],
)
def test_numbers_that_are_not_there_take_no_memory(path, header):
    assert isinstance(load_both(path, build(header)), TamiyoError)


@pytest.mark.parametrize("key", [None, "format"])
def test_facts_nested_too_deep_to_read_are_refused(path, key):
    content = json.dumps({"__metadata__": {"tamiyo": encode_deeply(key)}}).encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    assert isinstance(meet(load_policy, path), TamiyoError)


@given(content=st.binary(max_size=64))
def test_any_other_file_is_refused(path, content):
    assert isinstance(load_both(path, content), TamiyoError)

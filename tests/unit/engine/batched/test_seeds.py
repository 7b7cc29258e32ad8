from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, LifecycleOp, Style
from tamiyo.engine.batched.seeds import SlotSeeds
from tests.support.tasks import act, build_tiny_data, germinate, make_member

DATA = build_tiny_data()
GATED = Style.GATED_GATE


@pytest.fixture
def members():
    return [make_member(environment=environment, data=DATA) for environment in range(3)]


@pytest.fixture
def seeds():
    return SlotSeeds("r0c0", torch.device("cpu"))


def test_seeds_of_one_blueprint_are_rows_of_one_bank(members, seeds):
    for member, blueprint in zip(
        members, (Blueprint.NORM, Blueprint.MLP, Blueprint.NORM), strict=True
    ):
        member.begin_epoch(germinate("r0c0", blueprint))
    seeds.sync(members)
    assert seeds.bodies[Blueprint.NORM].bank.keys == [0, 2]
    assert seeds.bodies[Blueprint.MLP].bank.keys == [1]
    assert seeds.gates is None
    rows = seeds.bodies[Blueprint.NORM].bank.read("scale")
    assert torch.equal(rows[1], members[2].model.slots["r0c0"].seed.module.scale)


def test_gates_have_a_bank_of_their_own(members, seeds):
    members[1].begin_epoch(germinate("r0c0", Blueprint.NORM, GATED))
    seeds.sync(members)
    assert seeds.gates.bank.keys == [1]
    assert list(seeds.groups()) == [seeds.bodies[Blueprint.NORM], seeds.gates]


def test_a_seed_that_is_gone_leaves_its_rows(members, seeds):
    for member in members:
        member.begin_epoch(germinate("r0c0", Blueprint.NORM, GATED))
    seeds.sync(members)
    members[0].begin_epoch(act(LifecycleOp.PRUNE, "r0c0"))
    seeds.sync(members)
    assert sorted(seeds.bodies[Blueprint.NORM].bank.keys) == [1, 2]
    assert sorted(seeds.gates.bank.keys) == [1, 2]


def test_a_successor_takes_the_place_of_a_seed(members, seeds):
    members[0].begin_epoch(germinate("r0c0", Blueprint.NORM))
    seeds.sync(members)
    first = members[0].model.slots["r0c0"].seed.seed_id
    members[0].begin_epoch(act(LifecycleOp.PRUNE, "r0c0"))
    for _ in range(4):
        members[0].begin_epoch(None)
    members[0].begin_epoch(germinate("r0c0", Blueprint.MLP))
    seed = members[0].model.slots["r0c0"].seed
    assert seed.seed_id != first
    seeds.sync(members)
    assert seeds.bodies[Blueprint.NORM].bank.keys == []
    assert seeds.bodies[Blueprint.MLP].bank.keys == [0]

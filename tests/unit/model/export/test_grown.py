"""Detach and graft: the committed network as a plain module, from a model and from scratch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import Blueprint, ConfigError, SeedStage, Style
from tamiyo.model import GrownModule, attach, detach, graft, list_fossils
from tests.support.hosts import (
    SLOTS,
    Wrapped,
    build_batch,
    build_host,
    build_model,
    build_seeded,
    state_of,
    walk_to,
)

STRUCTURES = [
    {"r0c0": SeedStage.FOSSILIZED},
    {"r0c0": SeedStage.FOSSILIZED, "r0c1": SeedStage.FOSSILIZED},
    {"r0c0": SeedStage.HOLDING, "r0c1": SeedStage.FOSSILIZED},
    {"r0c0": SeedStage.BLENDING, "r0c1": SeedStage.TRAINING},
    {},
]


def build_grown(stages, *, wrap=False, style=Style.GATED_GATE):
    model = build_model(wrap=wrap).eval()
    for slot_id, stage in stages.items():
        walk_to(model, stage, slot_id, blueprint=Blueprint.CONV_SMALL, style=style)
        with torch.no_grad():
            model.slots[slot_id].seed.module.scale.fill_(0.7)
    return model


def run_committed(model, inputs):
    uncommitted = {
        slot_id: () for slot_id, slot in model.slots.items() if slot.stage != SeedStage.FOSSILIZED
    }
    return model.execution.run_variants(inputs, [uncommitted])[0]


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("stages", STRUCTURES)
def test_detach_gives_the_committed_network_bit_for_bit(stages, wrap):
    model, inputs = build_grown(stages, wrap=wrap), build_batch()[0]
    assert torch.equal(detach(model)(inputs), run_committed(model, inputs))


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("stages", STRUCTURES)
def test_detach_changes_nothing_and_shares_nothing(stages, wrap):
    model = build_grown(stages, wrap=wrap)
    before = state_of(model)
    network = detach(model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert state_of(model) == before


@pytest.mark.parametrize("wrap", [False, True])
def test_what_was_detached_no_longer_knows_the_model(wrap):
    model = build_grown({"r0c0": SeedStage.HOLDING}, wrap=wrap)
    network, inputs = detach(model), build_batch()[0]
    before = network(inputs)
    with torch.no_grad():
        model.slots["r0c0"].seed.module.scale.fill_(9.0)
    assert torch.equal(network(inputs), before)
    assert not any(module._forward_hooks for module in network.modules())


def test_detach_keeps_the_mode_of_every_module():
    model = build_grown({"r0c1": SeedStage.FOSSILIZED}).train()
    model.host[1].eval()
    model.host[5].eval()
    network = detach(model)
    assert (network.training, network[1].training, network[4].training) == (True, False, True)
    assert (network[5].training, network[5].grown_seed.training) == (False, False)


def test_a_fossil_is_listed_with_all_that_is_needed_to_build_it():
    (fossil,) = list_fossils(build_grown({"r0c1": SeedStage.FOSSILIZED}, wrap=True))
    assert (fossil.slot_id, fossil.path, fossil.alpha) == ("r0c1", "net.5", 1.0)
    assert (fossil.blueprint, fossil.style) == (Blueprint.CONV_SMALL, Style.GATED_GATE)
    assert fossil.seed_id == "r0c1-1-conv_small"
    assert fossil.shape.per_sample == (4, 8, 8)


def test_a_fossil_is_of_the_dtype_its_model_was_cast_to():
    model = build_grown({"r0c0": SeedStage.FOSSILIZED})
    model.double()
    assert [fossil.shape.dtype for fossil in list_fossils(model)] == [torch.float64]


@pytest.mark.parametrize("found", [nn.Linear(2, 2), None])
def test_only_a_model_can_be_detached(found):
    with pytest.raises(ConfigError, match=f"as attach returns, got {type(found).__name__}: what"):
        detach(found)


def test_a_network_grown_before_is_a_host_like_any_other():
    first = build_grown({"r0c0": SeedStage.FOSSILIZED}, wrap=True)
    grown = detach(first)
    second = build_model(grown, slots={"r0c0": "net.2", "r0c1": "net.2.host_module"}).eval()
    for slot_id in second.slots:
        walk_to(second, SeedStage.FOSSILIZED, slot_id, blueprint=Blueprint.NORM)
        with torch.no_grad():
            second.slots[slot_id].seed.module.scale.fill_(0.4)
    network, inputs = detach(second), build_batch()[0]
    assert torch.equal(network(inputs), second(inputs))
    assert not torch.equal(network(inputs), first(inputs))
    fresh = graft(detach(first), list_fossils(second), build_seeded(4)).eval()
    assert torch.equal(fresh(inputs), first(inputs))
    assert set(fresh.state_dict()) == set(network.state_dict())


@pytest.mark.parametrize("wrap", [False, True])
def test_a_graft_is_the_identity_at_birth_and_has_the_committed_structure(wrap):
    model = build_grown({"r0c0": SeedStage.FOSSILIZED, "r0c1": SeedStage.FOSSILIZED}, wrap=wrap)
    bare = build_host(wrap=wrap).eval()
    expected = bare(build_batch()[0])
    network = graft(bare, list_fossils(model), build_seeded(4)).eval()
    assert torch.equal(network(build_batch()[0]), expected)
    assert set(network.state_dict()) == set(detach(model).state_dict())


def test_a_graft_draws_from_its_own_generator_only():
    fossils = list_fossils(build_grown({"r0c0": SeedStage.FOSSILIZED}))
    before = torch.random.get_rng_state()
    one, two = (graft(build_host(), fossils, build_seeded(4)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)


def test_slots_inside_slots_are_wrapped_from_the_inside_out():
    host = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Conv2d(2, 2, 1))
    slots = {"r0c0": "0", "r0c1": "0.1", "r1c0": "1"}
    model = attach(host, slots, build_batch()[0], generator=build_seeded()).eval()
    for slot_id in slots:
        walk_to(model, SeedStage.FOSSILIZED, slot_id, blueprint=Blueprint.CONV_SMALL)
        with torch.no_grad():
            model.slots[slot_id].seed.module.scale.fill_(0.7)
    network = detach(model)
    assert torch.equal(network(build_batch()[0]), model(build_batch()[0]))
    assert isinstance(network[0].host_module[1], GrownModule)


def test_a_module_of_two_names_is_wrapped_under_both():
    host = Wrapped(build_host())
    host.first = host.net[2]
    model = build_model(host, slots={"r0c0": "first"}).eval()
    walk_to(model, SeedStage.FOSSILIZED, blueprint=Blueprint.CONV_SMALL)
    with torch.no_grad():
        model.slots["r0c0"].seed.module.scale.fill_(0.7)
    network = detach(model)
    assert network.first is network.net[2]
    assert torch.equal(network(build_batch()[0]), model(build_batch()[0]))


def test_nothing_committed_is_the_host_itself():
    network = detach(build_model().eval())
    assert type(network) is nn.Sequential
    assert not any(isinstance(module, GrownModule) for module in network.modules())
    assert set(SLOTS.values()) <= {name for name, _ in network.named_children()}

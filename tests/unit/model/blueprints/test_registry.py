"""The catalogue: complete, counted rather than estimated, and honest about what fits where."""

from __future__ import annotations

import runpy
from enum import IntEnum

import pytest
import torch

import tamiyo.contracts
from tamiyo.contracts import AlphaAlgorithm, Blueprint, InvariantError, ShapeError
from tamiyo.model import (
    BLUEPRINTS,
    SlotShape,
    Topology,
    count_blueprint_parameters,
    count_gate_parameters,
)
from tamiyo.model.blueprints import build_gate, build_seed_module, name_algorithm, registry
from tamiyo.model.modules import BODIES, Algorithm
from tests.support.hosts import CONV_BLUEPRINTS

EXTENTS = {Topology.CNN: (4, 4), Topology.SEQUENCE: (5,), Topology.VECTOR: ()}
POINTWISE = {Blueprint.LORA, Blueprint.LORA_LARGE, Blueprint.MLP_SMALL, Blueprint.MLP}
FITTING = {
    Topology.CNN: {*CONV_BLUEPRINTS, *POINTWISE},
    Topology.SEQUENCE: {Blueprint.NORM, Blueprint.ATTENTION, Blueprint.FLEX_ATTENTION, *POINTWISE},
    Topology.VECTOR: {Blueprint.NORM, *POINTWISE},
}
UNFIT = [(topology, b) for topology in Topology for b in Blueprint if b not in FITTING[topology]]


def shape_of(channels, topology=Topology.CNN, **options):
    return SlotShape(topology, channels, EXTENTS[topology], **options)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_blueprint_of_the_enum_has_a_row():
    assert set(BLUEPRINTS) == set(Blueprint)


def test_a_blueprint_without_a_body_fails_at_import(monkeypatch):
    members = {member.name: int(member) for member in Blueprint}
    longer = IntEnum("Blueprint", members | {"FORGOTTEN": 13})
    monkeypatch.setattr(tamiyo.contracts, "Blueprint", longer)
    with pytest.raises(InvariantError, match=r"every blueprint, got .*'FORGOTTEN'"):
        runpy.run_path(registry.__file__)


@pytest.mark.parametrize("topology", Topology)
def test_a_blueprint_accepts_the_topologies_it_has_a_body_for(topology):
    accepting = {b for b, entry in BLUEPRINTS.items() if topology in entry.accepts}
    assert accepting == {Blueprint.NOOP} | FITTING[topology]


@pytest.mark.parametrize("channels", [2, 4, 16, 64])
@pytest.mark.parametrize("topology", Topology)
def test_counted_sizes_are_those_of_the_built_modules(topology, channels):
    shape = shape_of(channels, topology)
    sizes = count_blueprint_parameters(shape)
    assert set(sizes) == {Blueprint.NOOP, *FITTING[topology]}
    for blueprint in FITTING[topology]:
        module = build_seed_module(blueprint, shape, gated=False)
        assert sizes[blueprint] == count(module) == count(module.body) + channels


@pytest.mark.parametrize("channels", [2, 4, 16, 64])
@pytest.mark.parametrize("topology", Topology)
def test_the_gate_is_counted_and_comes_with_a_gated_seed(topology, channels):
    shape, hidden = shape_of(channels, topology), max(8, channels // 4)
    size = count_gate_parameters(shape)
    assert size == count(build_gate(shape)) == (channels + 1) * hidden + hidden + 1
    gated = build_seed_module(Blueprint.NORM, shape, gated=True)
    assert count(gated) == count_blueprint_parameters(shape)[Blueprint.NORM] + size


def test_noop_adds_nothing():
    assert count_blueprint_parameters(shape_of(4))[Blueprint.NOOP] == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_seed_and_gate_are_of_the_slots_dtype(dtype):
    shape = shape_of(4, Topology.SEQUENCE, dtype=dtype)
    module = build_seed_module(Blueprint.MLP, shape, gated=True)
    assert {p.dtype for p in module.parameters()} == {dtype}
    assert {p.dtype for p in build_gate(shape).parameters()} == {dtype}


@pytest.mark.parametrize("is_causal", [True, False])
def test_attention_looks_back_only_where_the_slot_is_causal(is_causal):
    shape = shape_of(4, Topology.SEQUENCE, is_causal=is_causal)
    body = build_seed_module(Blueprint.ATTENTION, shape, gated=False).body
    features = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(1))
    later = features.clone()
    later[:, 3:] += 1
    assert torch.equal(body(later)[:, :3], body(features)[:, :3]) is is_causal


@pytest.mark.parametrize("channels", [3, 5, 7])
def test_counting_draws_nothing_from_the_global_generator(channels):
    before = torch.random.get_rng_state()
    count_blueprint_parameters(shape_of(channels))
    count_gate_parameters(shape_of(channels))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("topology", "blueprint"), UNFIT, ids=lambda part: part.name)
def test_a_blueprint_that_does_not_fit_is_refused(topology, blueprint):
    with pytest.raises(ShapeError, match=f"fits {topology} features, got {blueprint.name}"):
        build_seed_module(blueprint, shape_of(4, topology), gated=False)


@pytest.mark.parametrize("topology", Topology)
def test_every_row_says_what_it_computes_where_it_fits(topology):
    for blueprint in FITTING[topology]:
        summary = BLUEPRINTS[blueprint].summaries[topology]
        assert summary == BODIES[topology][blueprint.name].summary
    assert BLUEPRINTS[Blueprint.NOOP].summaries[topology]


def test_every_algorithm_has_its_name_where_contracts_are_not_known():
    assert {name_algorithm(algorithm) for algorithm in AlphaAlgorithm} == set(Algorithm)

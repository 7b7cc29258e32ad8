"""The catalogue: complete, counted rather than estimated, and silent about reserved names."""

from __future__ import annotations

import runpy
from enum import IntEnum

import pytest
import torch

import tamiyo.contracts
from tamiyo.contracts import Blueprint, InvariantError, ShapeError
from tamiyo.model import (
    BLUEPRINTS,
    SlotShape,
    Topology,
    count_blueprint_parameters,
    count_gate_parameters,
)
from tamiyo.model.blueprints import build_gate, build_seed_module, registry
from tests.support.hosts import CONV_BLUEPRINTS

RESERVED = [b for b in Blueprint if b not in CONV_BLUEPRINTS and b != Blueprint.NOOP]


def shape_of(channels):
    return SlotShape(Topology.CNN, channels, (4, 4))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_blueprint_of_the_enum_has_a_row():
    assert set(BLUEPRINTS) == set(Blueprint)


def test_a_blueprint_without_a_row_fails_at_import(monkeypatch):
    members = {member.name: int(member) for member in Blueprint}
    longer = IntEnum("Blueprint", members | {"FORGOTTEN": 13})
    monkeypatch.setattr(tamiyo.contracts, "Blueprint", longer)
    with pytest.raises(InvariantError, match=r"every member of Blueprint, got .*FORGOTTEN: 13"):
        runpy.run_path(registry.__file__)


@pytest.mark.parametrize("channels", [1, 4, 16, 64])
def test_counted_sizes_are_those_of_the_built_modules(channels):
    sizes = count_blueprint_parameters(shape_of(channels))
    assert set(sizes) == {Blueprint.NOOP, *CONV_BLUEPRINTS}
    for blueprint in CONV_BLUEPRINTS:
        module = build_seed_module(blueprint, shape_of(channels), gated=False)
        assert sizes[blueprint] == count(module) == count(module.body) + channels


@pytest.mark.parametrize("channels", [1, 4, 16, 64])
def test_the_gate_is_counted_and_comes_with_a_gated_seed(channels):
    shape, hidden = shape_of(channels), max(8, channels // 4)
    size = count_gate_parameters(shape)
    assert size == count(build_gate(shape)) == (channels + 1) * hidden + hidden + 1
    gated = build_seed_module(Blueprint.NORM, shape, gated=True)
    assert count(gated) == count_blueprint_parameters(shape)[Blueprint.NORM] + size


def test_noop_adds_nothing():
    assert count_blueprint_parameters(shape_of(4))[Blueprint.NOOP] == 0


@pytest.mark.parametrize("channels", [3, 5, 7])
def test_counting_draws_nothing_from_the_global_generator(channels):
    before = torch.random.get_rng_state()
    count_blueprint_parameters(shape_of(channels))
    count_gate_parameters(shape_of(channels))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("blueprint", [Blueprint.NOOP, *RESERVED], ids=lambda b: b.name)
def test_a_blueprint_that_does_not_fit_is_refused(blueprint):
    with pytest.raises(ShapeError, match=f"fits cnn features, got {blueprint.name}"):
        build_seed_module(blueprint, shape_of(4), gated=False)


@pytest.mark.parametrize("blueprint", RESERVED, ids=lambda b: b.name)
def test_a_reserved_blueprint_cannot_be_built_past_the_check_either(blueprint):
    with pytest.raises(ShapeError, match=r"got a request for SlotShape.*channels=4"):
        BLUEPRINTS[blueprint].build(shape_of(4))


@pytest.mark.parametrize("blueprint", list(Blueprint), ids=lambda b: b.name)
def test_every_row_says_what_it_computes(blueprint):
    assert BLUEPRINTS[blueprint].summary

"""The table of bodies: what exists for which topology, and seeds that are built from it."""

from __future__ import annotations

import pytest
import torch

from tamiyo.model import drawing_from
from tamiyo.model.modules import BODIES, Topology, build_seed
from tests.support.hosts import build_seeded

POINTWISE = {"LORA", "LORA_LARGE", "MLP_SMALL", "MLP"}
NAMES = {
    Topology.CNN: POINTWISE
    | {"CONV_LIGHT", "ATTENTION", "NORM", "DEPTHWISE", "BOTTLENECK", "CONV_SMALL", "CONV_HEAVY"},
    Topology.SEQUENCE: POINTWISE | {"NORM", "ATTENTION", "FLEX_ATTENTION"},
    Topology.VECTOR: POINTWISE | {"NORM"},
}
GRID = [(topology, name) for topology, names in NAMES.items() for name in sorted(names)]


def build(topology, name, *, dtype=torch.float32, is_gated=False):
    with drawing_from(build_seeded(2)):
        return build_seed(name, topology, 6, is_causal=True, is_gated=is_gated, dtype=dtype)


def test_every_topology_has_its_bodies():
    assert {topology: set(bodies) for topology, bodies in BODIES.items()} == NAMES


@pytest.mark.parametrize(("topology", "name"), GRID)
def test_every_body_says_in_one_line_what_it_computes(topology, name):
    summary = BODIES[topology][name].summary
    assert 0 < len(summary) <= 60
    assert "\n" not in summary


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("topology", "name"), GRID)
def test_every_dtype_starts_from_the_same_draws(topology, name, dtype):
    plain, other = build(topology, name), build(topology, name, dtype=dtype)
    for drawn, cast in zip(plain.parameters(), other.parameters(), strict=True):
        assert cast.dtype == dtype
        assert torch.equal(cast, drawn.to(dtype))


@pytest.mark.parametrize("topology", Topology)
def test_a_gate_is_drawn_after_the_body(topology):
    plain, gated = build(topology, "MLP"), build(topology, "MLP", is_gated=True)
    assert plain.gate is None
    pairs = zip(plain.body.parameters(), gated.body.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert gated.gate is not None

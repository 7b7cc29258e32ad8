"""Grown modules: a module and its seed, under every name the module goes by."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from tamiyo.model import drawing_from
from tamiyo.model.modules import (
    BODIES,
    Algorithm,
    GrownModule,
    Topology,
    build_seed,
    compose,
    grow_module,
)
from tests.support.hosts import build_seeded

PLACES = {
    Topology.CNN: (nn.Conv2d(4, 4, 1), (2, 4, 3, 3)),
    Topology.SEQUENCE: (nn.Linear(4, 4), (2, 5, 4)),
    Topology.VECTOR: (nn.Linear(4, 4), (2, 4)),
}
GRID = [(topology, name) for topology, bodies in BODIES.items() for name in bodies]


def build_grown_seed(topology=Topology.VECTOR, name="MLP", algorithm=Algorithm.GATE):
    with drawing_from(build_seeded(2)):
        seed = build_seed(
            name,
            topology,
            4,
            is_causal=True,
            is_gated=algorithm == Algorithm.GATE,
            dtype=torch.float32,
        )
    nn.init.constant_(seed.scale, 0.5)
    return seed


def draw(*shape):
    return torch.randn(*shape, generator=build_seeded(1))


@pytest.mark.parametrize(("topology", "name"), GRID)
def test_a_grown_module_composes_its_seed(topology, name):
    module, shape = PLACES[topology]
    grown = GrownModule(module, build_grown_seed(topology, name), Algorithm.GATE, 0.7)
    inputs = draw(*shape)
    expected = compose(module(inputs), grown.grown_seed, ((Algorithm.GATE, 0.7),))
    assert torch.equal(grown(inputs), expected)
    assert not torch.equal(grown(inputs), module(inputs))


@pytest.mark.parametrize(
    ("topology", "name"),
    [
        (Topology.CNN, "DEPTHWISE"),
        (Topology.SEQUENCE, "FLEX_ATTENTION"),
        (Topology.VECTOR, "MLP"),
    ],
)
def test_a_grown_module_is_compiled_without_a_break(topology, name):
    module, shape = PLACES[topology]
    grown = GrownModule(module, build_grown_seed(topology, name), Algorithm.GATE, 0.7)
    inputs = draw(*shape)
    torch.compiler.reset()  # each is a program of its own
    compiled = torch.compile(grown, backend="eager", fullgraph=True)
    assert torch.equal(compiled(inputs), grown(inputs))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda grown: pickle.loads(pickle.dumps(grown))])
def test_a_copy_has_the_seed_too(copied):
    grown = GrownModule(nn.Linear(4, 4), build_grown_seed(), Algorithm.GATE, 0.7)
    assert torch.equal(copied(grown)(draw(2, 4)), grown(draw(2, 4)))
    assert list(copied(grown).state_dict()) == list(grown.state_dict())


def test_the_seed_is_no_part_of_the_module():
    module = nn.Linear(4, 4)
    grown = GrownModule(module, build_grown_seed(), Algorithm.GATE, 0.7)
    assert [name for name, _ in grown.named_children()] == ["host_module", "grown_seed"]
    assert list(module.children()) == []


def test_arguments_of_the_module_are_handed_on():
    grown = GrownModule(nn.Bilinear(3, 3, 4), build_grown_seed(), Algorithm.ADD, 1.0)
    inputs = draw(2, 3)
    assert torch.equal(grown(inputs, input2=inputs), grown(inputs, inputs))


@pytest.mark.parametrize("training", [True, False])
def test_the_seed_takes_over_the_mode(training):
    module = nn.Linear(4, 4).train(training)
    grown = GrownModule(module, build_grown_seed(), Algorithm.GATE, 0.7)
    assert (grown.training, grown.grown_seed.body.training) == (training, training)


def test_a_module_grows_under_every_name():
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    network.append(network[0])
    grow_module(network, "2", build_grown_seed(), Algorithm.GATE, 1.0)
    assert network[0] is network[2]
    assert isinstance(network[0], GrownModule)


@pytest.mark.parametrize("paths", [("0", "0.0"), ("0.0", "0")])
def test_slots_inside_slots_grow_in_any_order(paths):
    network = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    for path in paths:
        grow_module(network, path, build_grown_seed(), Algorithm.GATE, 1.0)
    assert isinstance(network[0], GrownModule)
    assert isinstance(network[0].host_module[0], GrownModule)
    assert network(draw(2, 4)).shape == (2, 4)


def test_what_has_grown_grows_again_behind_its_seed():
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    for name in ("MLP", "LORA"):
        grow_module(network, "0", build_grown_seed(name=name), Algorithm.GATE, 1.0)
    outer, inner = network[0], network[0].host_module
    assert isinstance(inner, GrownModule)
    assert type(inner.host_module) is nn.Linear
    expected = compose(inner(draw(2, 4)), outer.grown_seed, ((Algorithm.GATE, 1.0),))
    assert torch.equal(outer(draw(2, 4)), expected)
    assert outer.grown_seed is not inner.grown_seed
    assert torch.equal(copy.deepcopy(network)(draw(2, 4)), network(draw(2, 4)))


def test_a_path_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="has no attribute `1`"):
        grow_module(nn.Sequential(nn.ReLU()), "1", build_grown_seed(), Algorithm.GATE, 1.0)

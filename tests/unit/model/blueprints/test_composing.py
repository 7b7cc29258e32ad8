"""Composing in the words of contracts: the same names, the same numbers."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import AlphaAlgorithm, Blueprint
from tamiyo.model import SlotShape, Topology, drawing_from
from tamiyo.model.blueprints import build_seed_module, compose, name_algorithm
from tamiyo.model.modules import Algorithm
from tamiyo.model.modules import compose as compose_module
from tests.support.hosts import build_seeded

SHAPE = SlotShape(Topology.SEQUENCE, 4, (3,))


def plant():
    with drawing_from(build_seeded()):
        module = build_seed_module(Blueprint.MLP, SHAPE, gated=True)
        torch.nn.init.constant_(module.scale, 0.5)
        return module, torch.randn(2, 3, 4)


def test_every_algorithm_has_its_name():
    assert {name_algorithm(algorithm) for algorithm in AlphaAlgorithm} == set(Algorithm)


@pytest.mark.parametrize("algorithm", AlphaAlgorithm)
def test_an_algorithm_blends_as_its_namesake(algorithm):
    module, features = plant()
    expected = compose_module(features, module, ((Algorithm[algorithm.name], 0.7),))
    assert torch.equal(compose(features, module, ((algorithm, 0.7),)), expected)


def test_without_influence_the_features_come_back_themselves():
    module, features = plant()
    assert compose(features, module, ()) is features

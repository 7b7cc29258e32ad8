from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, Style
from tamiyo.engine.batched.blending import plan_blend
from tamiyo.engine.batched.layers import Maps, as_maps, as_samples
from tamiyo.engine.batched.seeds import SlotSeeds
from tamiyo.model.modules import Algorithm, compose
from tests.support.stacked import seeded
from tests.support.tasks import build_tiny_data, germinate, make_member, wake

DATA = build_tiny_data()
FEATURES = torch.randn(5, 4, 2, 6, 6, generator=seeded(0))  # 5 networks, 4 samples each
BLUEPRINTS = [Blueprint.NORM, Blueprint.CONV_LIGHT, Blueprint.NORM, Blueprint.MLP_SMALL]
WEIGHTS = [
    ((Style.LINEAR_ADD, 0.5),),
    ((Style.GATED_GATE, 0.25), (Style.LINEAR_MULTIPLY, 0.5)),
    ((Style.GATED_GATE, 1.0),),
    ((Style.LINEAR_MULTIPLY, 1.0),),
    (),
]


@pytest.fixture(scope="module")
def members():
    members = [make_member(environment=environment, data=DATA) for environment in range(5)]
    for member, blueprint in zip(members, BLUEPRINTS, strict=False):
        member.begin_epoch(germinate("r0c0", blueprint, Style.GATED_GATE))
        wake(member.model)
    return members


@pytest.fixture(scope="module")
def seeds(members):
    seeds = SlotSeeds("r0c0", torch.device("cpu"))
    seeds.sync(members)
    return seeds


def blend_alone(member, features, weights):
    seed = member.model.slots["r0c0"].seed
    if seed is None:
        return features
    terms = tuple((Algorithm[style.algorithm.name], alpha) for style, alpha in weights)
    return compose(features, seed.module, terms)


@pytest.mark.parametrize("layout", ["samples", "maps"])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 0, 3], [1], [4]], ids=str)
def test_seeds_are_blended_as_each_alone(members, seeds, layout, order):
    weights = [WEIGHTS[environment] for environment in order]
    samples = FEATURES[order].flatten(0, 1)
    features = Maps(as_maps(samples, len(order))) if layout == "maps" else samples
    blended = as_samples(plan_blend(seeds, order, weights).apply(features))
    for place, environment in enumerate(order):
        alone = blend_alone(members[environment], FEATURES[environment], weights[place])
        own = blended.unflatten(0, (len(order), -1))[place]
        torch.testing.assert_close(own, alone, atol=1e-5, rtol=1e-5)


def test_nothing_in_effect_changes_nothing(seeds):
    samples = FEATURES.flatten(0, 1)
    assert plan_blend(seeds, range(5), [()] * 5).apply(samples) is samples


def test_only_learning_seeds_get_gradients(seeds):
    weights = [WEIGHTS[0], (), WEIGHTS[0], (), ()]
    blend = plan_blend(seeds, range(5), weights, learning=frozenset({2}))
    bank = seeds.bodies[Blueprint.NORM].bank
    outputs = blend.apply(FEATURES.flatten(0, 1))
    (found,) = torch.autograd.grad(outputs.square().sum(), [bank._leaves["scale"]])
    learned = [bool(row.abs().sum()) for row in found]
    assert learned == [key == 2 for key in bank.keys]

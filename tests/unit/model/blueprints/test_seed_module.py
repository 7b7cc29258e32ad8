"""Seeds of every blueprint and style: identity and trainable at birth, continuous in alpha."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import AlphaAlgorithm, Blueprint, InvariantError, Style
from tamiyo.model import SlotShape, Topology, drawing_from
from tamiyo.model.blueprints import build_seed_module, compose
from tests.support.hosts import CONV_BLUEPRINTS, build_seeded

SHAPES = [(1, 4, 4), (2, 1, 1), (4, 8, 8), (16, 3, 5), (32, 2, 2)]
GRID = [(blueprint, style) for blueprint in CONV_BLUEPRINTS for style in Style]
grid = pytest.mark.parametrize(
    ("blueprint", "style"), GRID, ids=[f"{b.name}-{s.name}" for b, s in GRID]
)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def plant(blueprint, style, shape=(4, 8, 8)):
    """A new-born seed with its gate if it needs one, and features to work on."""
    channels, *extent = shape
    gated = style.algorithm == AlphaAlgorithm.GATE
    with drawing_from(build_seeded(3)):
        place = SlotShape(Topology.CNN, channels, tuple(extent))
        module = build_seed_module(blueprint, place, gated=gated)
        return module, torch.randn(8, *shape)


def grow(module):
    """Give the scale values, as training would."""
    with torch.no_grad():
        module.scale.copy_(torch.linspace(0.5, 1, module.scale.numel()).view_as(module.scale))


def blend(features, module, style, alpha):
    return compose(features, module, ((style.algorithm, alpha),) if alpha else ())


@shapes
@grid
def test_without_influence_the_features_come_back_themselves(blueprint, style, shape):
    module, features = plant(blueprint, style, shape)
    assert blend(features, module, style, 0.0) is features


@shapes
@grid
def test_at_birth_a_seed_is_the_identity_at_full_alpha(blueprint, style, shape):
    module, features = plant(blueprint, style, shape)
    assert torch.equal(blend(features, module, style, 1.0), features)


@shapes
@grid
def test_at_birth_the_scale_has_a_gradient(blueprint, style, shape):
    module, features = plant(blueprint, style, shape)
    target = torch.randn(features.shape, generator=build_seeded(4))
    (blend(features, module, style, 1.0) - target).square().mean().backward()
    assert float(module.scale.grad.abs().sum()) > 0


@grid
def test_the_loss_falls_within_twenty_steps(blueprint, style):
    module, features = plant(blueprint, style)
    target = features + 0.5 * features.relu()
    adam = torch.optim.Adam(module.parameters(), lr=0.02)
    losses = []
    for _ in range(21):
        loss = (blend(features, module, style, 1.0) - target).square().mean()
        losses.append(float(loss.detach()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert losses[-1] < 0.97 * losses[0]


@grid
def test_after_a_step_every_parameter_learns(blueprint, style):
    module, features = plant(blueprint, style)
    grow(module)
    target = torch.randn(features.shape, generator=build_seeded(4))
    (blend(features, module, style, 1.0) - target).square().mean().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in module.parameters())


@grid
def test_a_grown_seed_is_continuous_in_alpha_from_zero_on(blueprint, style):
    module, features = plant(blueprint, style)
    grow(module)
    full = float((blend(features, module, style, 1.0) - features).detach().abs().max())
    assert full > 0
    for alpha in (0.0, 0.3, 0.9):
        step = blend(features, module, style, alpha + 1e-3) - blend(features, module, style, alpha)
        assert float(step.detach().abs().max()) <= 1.1e-3 * full + 1e-6


@grid
def test_a_seed_keeps_the_shape_of_the_features(blueprint, style):
    module, features = plant(blueprint, style, (3, 5, 7))
    grow(module)
    assert blend(features, module, style, 0.7).shape == features.shape


def test_two_styles_in_effect_add_their_parts():
    module, features = plant(Blueprint.CONV_SMALL, Style.GATED_GATE)
    grow(module)
    residual = module(features)
    both = compose(features, module, ((AlphaAlgorithm.ADD, 0.25), (AlphaAlgorithm.GATE, 0.5)))
    expected = features + 0.25 * residual + 0.5 * module.gate(features) * residual
    assert torch.allclose(both, expected, atol=1e-6)


def test_multiply_scales_the_features_within_bounds():
    module, features = plant(Blueprint.NORM, Style.LINEAR_MULTIPLY)
    grow(module)
    blended = compose(features, module, ((AlphaAlgorithm.MULTIPLY, 1.0),))
    assert torch.allclose(blended, features * (1 + torch.tanh(module(features))), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 4, 64])
def test_a_gate_is_one_number_between_zero_and_one_per_sample(channels):
    module, features = plant(Blueprint.NORM, Style.GATED_GATE, (channels, 2, 2))
    openness = module.gate(100 * features)
    assert openness.shape == (8, 1, 1, 1)
    assert bool(((openness >= 0) & (openness <= 1)).all())


def test_gate_without_a_gate_breaks_a_promise():
    module, features = plant(Blueprint.NORM, Style.LINEAR_ADD)
    with pytest.raises(InvariantError, match="must have a gate, got none"):
        compose(features, module, ((AlphaAlgorithm.GATE, 1.0),))

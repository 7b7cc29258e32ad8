"""Seeds of every blueprint, style and topology: identity and trainable at birth, causal, wide."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tamiyo.model import drawing_from
from tamiyo.model.modules import BODIES, Algorithm, Topology, build_seed, compose
from tests.support.hosts import build_seeded

SHAPES = {
    Topology.CNN: [(1, 4, 4), (2, 1, 1), (4, 8, 8), (16, 3, 5), (32, 2, 2)],
    Topology.SEQUENCE: [(1, 4), (5, 2), (7, 12), (3, 40)],
    Topology.VECTOR: [(2,), (6,), (40,)],
}
USUAL = {Topology.CNN: (4, 8, 8), Topology.SEQUENCE: (7, 12), Topology.VECTOR: (12,)}
GRID = [
    (topology, is_causal, name, algorithm)
    for topology, bodies in BODIES.items()
    for is_causal in ((False, True) if topology == Topology.SEQUENCE else (False,))
    for name, algorithm in product(bodies, Algorithm)
]
CAUSAL = [kind for kind in GRID if kind[1]]


def name_kind(kind):
    topology, is_causal, name, algorithm = kind
    return f"{topology}{'-causal' if is_causal else ''}-{name}-{algorithm}"


grid = pytest.mark.parametrize("kind", GRID, ids=name_kind)


def plant(kind, shape=None, *, dtype=torch.float32, batch=8):
    """A new-born seed with its gate if it needs one, and features to work on."""
    topology, is_causal, name, algorithm = kind
    shape = shape or USUAL[topology]
    channels = shape[0] if topology == Topology.CNN else shape[-1]
    gated = algorithm == Algorithm.GATE
    with drawing_from(build_seeded(3)):
        module = build_seed(
            name, topology, channels, is_causal=is_causal, is_gated=gated, dtype=dtype
        )
        return module, torch.randn(batch, *shape).to(dtype)


def grow(module):
    """Give the scale values, as training would."""
    with torch.no_grad():
        values = torch.linspace(0.5, 1, module.scale.numel())
        module.scale.copy_(values.view_as(module.scale))
    return module


def blend(features, module, kind, alpha):
    return compose(features, module, ((kind[3], alpha),) if alpha else ())


def pull(features, module, kind):
    """Gradients of a loss whose target is somewhere else."""
    target = torch.randn(features.shape, generator=build_seeded(4))
    (blend(features, module, kind, 1.0) - target).square().mean().backward()
    return {name: float(p.grad.abs().sum()) for name, p in module.named_parameters()}


@grid
def test_at_birth_a_seed_is_the_identity_at_any_alpha(kind):
    for shape in SHAPES[kind[0]]:
        module, features = plant(kind, shape)
        assert blend(features, module, kind, 0.0) is features
        assert torch.equal(blend(features, module, kind, 1.0), features)


@grid
def test_at_birth_the_scale_has_a_gradient(kind):
    for shape in SHAPES[kind[0]]:
        module, features = plant(kind, shape)
        assert pull(features, module, kind)["scale"] > 0


@grid
def test_after_one_step_every_parameter_has_a_gradient(kind):
    module, features = plant(kind)
    adam = torch.optim.Adam(module.parameters(), lr=0.01)
    pull(features, module, kind)
    adam.step()
    adam.zero_grad()
    assert all(size > 0 for size in pull(features, module, kind).values())


@grid
def test_the_loss_falls_within_twenty_steps(kind):
    module, features = plant(kind)
    target = features + 0.5 * features.relu()
    adam = torch.optim.Adam(module.parameters(), lr=0.02)
    losses = []
    for _ in range(21):
        loss = (blend(features, module, kind, 1.0) - target).square().mean()
        losses.append(float(loss.detach()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert losses[-1] < 0.97 * losses[0]


@grid
def test_a_grown_seed_is_continuous_in_alpha_from_zero_on(kind):
    module, features = plant(kind)
    grow(module)
    full = float((blend(features, module, kind, 1.0) - features).detach().abs().max())
    assert full > 0
    for alpha in (0.0, 0.3, 0.9):
        step = blend(features, module, kind, alpha + 1e-3) - blend(features, module, kind, alpha)
        assert float(step.detach().abs().max()) <= 1.1e-3 * full + 1e-6


@pytest.mark.parametrize("kind", CAUSAL, ids=name_kind)
def test_in_a_causal_slot_the_future_never_changes_the_past(kind):
    module, features = plant(kind, (150, 12), batch=2)
    grow(module)
    before = blend(features, module, kind, 1.0)
    for now in (0, 1, 63, 64, 149):
        other = features.clone()
        other[:, now:] = torch.randn(2, 150 - now, 12, generator=build_seeded(now))
        after = blend(other, module, kind, 1.0)
        assert torch.equal(after[:, :now], before[:, :now])
        assert not torch.equal(after[:, now], before[:, now])


@pytest.mark.parametrize("features_dtype", [torch.bfloat16, torch.float16, torch.float32])
@grid
def test_features_keep_their_dtype_whatever_the_seed_computes_in(kind, features_dtype):
    module, features = plant(kind)
    features = features.to(features_dtype)
    assert torch.equal(blend(features, module, kind, 1.0), features)
    grow(module)
    exact = blend(features.float(), module, kind, 0.7)
    assert torch.equal(blend(features, module, kind, 0.7), exact.to(features_dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@grid
def test_a_seed_of_another_dtype_is_the_same_seed_rounded(kind, dtype):
    module, features = plant(kind, dtype=dtype)
    blended = blend(features, grow(module), kind, 0.7)
    expected = blend(features.float(), grow(plant(kind)[0]), kind, 0.7)
    assert blended.dtype == dtype
    assert torch.allclose(blended.float(), expected, atol=0.2, rtol=0.05)


@grid
def test_under_autocast_features_keep_their_dtype_and_gradients_flow(kind):
    module, features = plant(kind)
    grow(module)
    for dtype in (torch.bfloat16, torch.float32):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            blended = blend(features.to(dtype), module, kind, 0.7)
        assert blended.dtype == dtype
    blended.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


def test_two_algorithms_in_effect_add_their_parts():
    module, features = plant((Topology.CNN, False, "CONV_SMALL", Algorithm.GATE))
    grow(module)
    residual = module(features)
    both = compose(features, module, ((Algorithm.ADD, 0.25), (Algorithm.GATE, 0.5)))
    expected = features + 0.25 * residual + 0.5 * module.gate(features) * residual
    assert torch.allclose(both, expected, atol=1e-6)


def test_multiply_scales_the_features_within_bounds():
    module, features = plant((Topology.CNN, False, "NORM", Algorithm.MULTIPLY))
    grow(module)
    blended = compose(features, module, ((Algorithm.MULTIPLY, 1.0),))
    assert torch.allclose(blended, features * (1 + torch.tanh(module(features))), atol=1e-6)


@pytest.mark.parametrize(
    ("topology", "shape", "gates"),
    [
        (Topology.CNN, (1, 2, 2), (8, 1, 1, 1)),
        (Topology.CNN, (64, 2, 2), (8, 1, 1, 1)),
        (Topology.SEQUENCE, (5, 4), (8, 5, 1)),
        (Topology.VECTOR, (4,), (8, 1)),
    ],
)
def test_a_gate_is_one_number_between_zero_and_one(topology, shape, gates):
    module, features = plant((topology, False, "NORM", Algorithm.GATE), shape)
    openness = module.gate(100 * features)
    assert openness.shape == gates
    assert bool(((openness >= 0) & (openness <= 1)).all())


def test_gate_without_a_gate_is_refused():
    module, features = plant((Topology.VECTOR, False, "NORM", Algorithm.ADD))
    with pytest.raises(RuntimeError, match="must have a gate, got none"):
        compose(features, module, ((Algorithm.GATE, 1.0),))

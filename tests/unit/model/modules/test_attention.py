"""Attention bodies: sizes, heads, the window, and the same function with and without a kernel."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention

from tamiyo.model.modules import BODIES, Topology, attention
from tamiyo.model.modules.attention import WINDOW, attend_within_window, count_heads
from tests.support.hosts import build_seeded

LONG = 2 * WINDOW + 5


def build(name, channels=8, *, is_causal=False):
    return BODIES[Topology.SEQUENCE][name].build(channels, is_causal)


def draw_heads(length=LONG, *, channels=16, dtype=torch.float32):
    drawn = torch.randn(3, 2, 2, length, channels, generator=build_seeded(), dtype=dtype)
    return drawn.unbind(0)


def find_visible(body, length, position):
    """Positions whose features change the body's output at ``position``."""
    features = torch.randn(1, length, 8, generator=build_seeded()).requires_grad_()
    body(features)[0, position].square().sum().backward()
    return features.grad[0].abs().sum(1).nonzero().flatten().tolist()


@pytest.mark.parametrize("channels", [2, 6, 8, 64])
@pytest.mark.parametrize("name", ["ATTENTION", "FLEX_ATTENTION"])
def test_attention_has_four_matrices(name, channels):
    assert sum(p.numel() for p in build(name, channels).parameters()) == 4 * channels**2


@pytest.mark.parametrize(
    ("channels", "heads"), [(2, 2), (3, 3), (4, 4), (6, 3), (7, 1), (10, 2), (64, 4)]
)
def test_heads_are_the_most_up_to_four_that_divide_the_channels(channels, heads):
    assert count_heads(channels) == heads


@pytest.mark.parametrize("length", [1, 2, 3, LONG])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("name", ["ATTENTION", "FLEX_ATTENTION"])
def test_any_length_keeps_its_shape(name, is_causal, length):
    features = torch.randn(2, length, 8, generator=build_seeded())
    assert build(name, is_causal=is_causal)(features).shape == features.shape


@pytest.mark.parametrize(
    ("name", "is_causal", "first", "last"),
    [
        ("ATTENTION", False, 0, LONG - 1),
        ("ATTENTION", True, 0, 70),
        ("FLEX_ATTENTION", False, 7, LONG - 1),
        ("FLEX_ATTENTION", True, 7, 70),
    ],
)
def test_position_seventy_sees_what_its_attention_says(name, is_causal, first, last):
    last = min(last, 70 + WINDOW - 1) if name == "FLEX_ATTENTION" else last
    visible = find_visible(build(name, is_causal=is_causal), LONG, 70)
    assert visible == list(range(first, last + 1))


def test_a_window_wider_than_the_sequence_is_plain_attention():
    query, key, value = draw_heads(WINDOW)
    windowed = attend_within_window(query, key, value, is_causal=True)
    plain = attention.attend_everywhere(query, key, value, is_causal=True)
    assert torch.allclose(windowed, plain, atol=1e-6)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("is_causal", [False, True])
def test_flex_attention_is_the_function_of_the_explicit_mask(is_causal):
    query, key, value = draw_heads()
    is_visible = attention._is_visible_before if is_causal else attention._is_visible
    blocks = attention._build_block_mask(is_visible, LONG, query.device)
    by_kernel = flex_attention(query, key, value, block_mask=blocks)
    by_mask = attend_within_window(query, key, value, is_causal=is_causal)
    assert torch.allclose(by_kernel, by_mask, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("is_causal", [False, True])
def test_the_kernel_and_its_gradients_agree_with_the_explicit_mask(is_causal):
    results = []
    for device, dtype in (("cuda", torch.float32), ("cpu", torch.float64)):
        heads = [part.to(device, dtype).requires_grad_() for part in draw_heads()]
        attended = attend_within_window(*heads, is_causal=is_causal)
        attended.square().sum().backward()
        results.append([attended.detach().cpu().double(), *(p.grad.cpu().double() for p in heads)])
    for by_kernel, by_mask in zip(*results, strict=True):
        assert torch.allclose(by_kernel, by_mask, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize(
    ("heads", "runs"),
    [
        ({"is_cuda": False}, False),
        ({}, True),
        ({"shape": (2, 2, LONG, 8)}, False),
        ({"dtype": torch.float64}, False),
    ],
)
def test_the_kernel_runs_on_a_gpu_only_and_on_what_it_can(monkeypatch, heads, runs):
    monkeypatch.setattr(attention, "_HAS_TRITON", True)
    plain = {"is_cuda": True, "shape": (2, 2, LONG, 16), "dtype": torch.bfloat16}
    query = type("Query", (), plain | heads)
    assert attention._has_kernel(query) is runs


@pytest.mark.parametrize("name", ["ATTENTION", "FLEX_ATTENTION"])
def test_a_body_is_compiled_without_a_break(name):
    body = build(name, is_causal=True)
    features = torch.randn(2, LONG, 8, generator=build_seeded())
    compiled = torch.compile(body, backend="eager", fullgraph=True)
    assert torch.equal(compiled(features), body(features))

"""The reference GPT: where its loss starts, that it never looks ahead, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tamiyo.contracts import ConfigError
from tamiyo.tasks import build_gpt

SMALLEST = {"head_width": 4, "heads": 2, "blocks": 2, "context": 16, "vocabulary": 256}


def build_seeded(seed=0, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build_gpt(**{**SMALLEST, **changes})


def draw_symbols(*shape, seed=1, vocabulary=256):
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("vocabulary", [64, 256, 4096])
@pytest.mark.parametrize("head_width", [2, 8, 64])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_untrained_loss_is_that_of_guessing_within_two_percent(seed, head_width, vocabulary):
    host = build_seeded(seed, head_width=head_width, vocabulary=vocabulary)
    symbols = draw_symbols(16, 17, vocabulary=vocabulary)
    with torch.no_grad():
        loss = F.cross_entropy(host(symbols[:, :-1]).flatten(0, 1), symbols[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(vocabulary), rel=0.02)


def test_a_position_never_sees_a_later_one():
    host, symbols = build_seeded(), draw_symbols(3, 16)
    changed = symbols.clone()
    changed[:, 10:] = (changed[:, 10:] + 1) % 256
    before, after = host(symbols), host(changed)
    assert torch.equal(before[:, :10], after[:, :10])
    assert (before[:, 10:] != after[:, 10:]).any(dim=2).all()


@pytest.mark.parametrize("seen", [0, 5, 14])
def test_a_position_sees_every_earlier_one(seen):
    host, symbols = build_seeded(), draw_symbols(1, 16)
    changed = symbols.clone()
    changed[:, seen] = (changed[:, seen] + 1) % 256
    assert not torch.equal(host(symbols)[:, 15], host(changed)[:, 15])


def test_the_order_of_what_was_seen_matters():
    host, symbols = build_seeded(), draw_symbols(1, 16)
    swapped = symbols[:, [1, 0, *range(2, 16)]]
    assert not torch.equal(host(symbols)[:, 15], host(swapped)[:, 15])


def test_a_shorter_sequence_gives_the_same_logits():
    host, symbols = build_seeded(), draw_symbols(2, 16)
    assert torch.allclose(host(symbols)[:, :7], host(symbols[:, :7]), atol=1e-6)


def test_every_parameter_gets_a_gradient_at_the_first_step():
    host, symbols = build_seeded(), draw_symbols(8, 17)
    F.cross_entropy(host(symbols[:, :-1]).flatten(0, 1), symbols[:, 1:].flatten()).backward()
    assert all(p.grad.abs().sum() > 0 for p in host.parameters())


def test_parameters_are_those_counted_by_hand():
    width = 8
    attention = (width * 3 * width + 3 * width) + (width * width + width)
    mlp = (width * 4 * width + 4 * width) + (4 * width * width + width)
    block = attention + mlp + 2 * (2 * width)
    host = build_seeded()
    expected = 2 * 256 * width + 16 * width + 2 * block + 2 * width
    assert sum(p.numel() for p in host.parameters()) == expected


def test_stages_are_named_in_the_order_data_flows():
    stages = [name for name, _ in build_seeded(blocks=3).named_children()]
    assert stages == ["embedding", "block1", "block2", "block3", "norm", "head"]


def test_features_between_blocks_are_sequences_as_wide_as_all_heads():
    host = build_seeded(head_width=3, heads=4)
    features = host.get_submodule("block1")(host.get_submodule("embedding")(draw_symbols(2, 16)))
    assert features.shape == (2, 16, 12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("head_width", 0), ("heads", 0), ("blocks", 0), ("context", 0), ("vocabulary", 1)],
)
def test_a_number_below_its_smallest_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"{name} of host gpt must be at least \d, got {value}"):
        build_gpt(**{**SMALLEST, name: value})

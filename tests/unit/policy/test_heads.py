from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import LifecycleOp
from tamiyo.policy.heads import Features
from tests.support.enumeration import entropy, legal_actions, random_masks, random_spec
from tests.support.networks import (
    BASE_FEATURES,
    SLOT_FEATURES,
    draw_masks,
    draw_normal,
    flat_network,
    growth_network,
    growth_spec,
)

OPS = growth_spec().heads[0].choices
HEADS = growth_spec().names


def encode(network, rows):
    """Make features of random observations, without memory."""
    return Features(*network.encoder(draw_normal(rows, network.encoder.size)))


def walk(network, features, masks, actions):
    return network.heads(features, masks, lambda position, _head: actions[:, position])


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), heads=st.integers(1, 4))
@pytest.mark.requirement("3.4")
def test_probabilities_of_all_actions_sum_to_one_and_their_entropy_is_that_of_the_path(seed, heads):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng, heads=heads)
    mask = random_masks(spec, rng, rows=1)
    actions = torch.tensor(list(legal_actions(spec, mask[0])))
    network = flat_network(spec, seed=seed).double()
    features = Features(*(f.expand(len(actions), *f.shape[1:]) for f in encode_double(network)))
    masks = torch.from_numpy(mask).expand(len(actions), -1)
    path = walk(network, features, masks, actions)
    joint = path.log_probs.sum(-1).exp()
    along_path = torch.stack([head.entropy() for head in path.heads], -1).sum(-1)
    assert joint.sum().item() == pytest.approx(1)
    assert (joint * along_path).sum().item() == pytest.approx(entropy(joint.detach().numpy()))


def encode_double(network):
    return network.encoder(torch.ones(1, network.encoder.size, dtype=torch.float64))


def sample_op(network, op, rows=64):
    """Sample actions that all take one op, from masks under which it is legal."""
    spec = growth_spec()
    masks = draw_masks(spec, 40 * rows)
    masks = masks[masks[:, op]][:rows]
    generator = torch.Generator().manual_seed(1)
    features = encode(network, rows)

    def choose(position, head):
        if position == 0:
            return torch.full((rows,), op)
        return torch.multinomial(head.log_probs.exp(), 1, generator=generator).squeeze(-1)

    with torch.no_grad():
        actions = network.heads(features, masks, choose).actions
    return features, masks, actions


@pytest.mark.parametrize("op", LifecycleOp)
def test_a_head_learns_from_the_ops_that_use_it_and_from_no_other(op):
    network = growth_network()
    features, masks, actions = sample_op(network, op)
    log_probs = walk(network, features, masks, actions).log_probs
    (log_probs.sum(-1) * torch.linspace(-2, 1, len(actions))).sum().backward()
    learned = {
        name: any(parameter.grad is not None and parameter.grad.any() for parameter in own)
        for name, own in network.head_parameters().items()
    }
    used = growth_spec().used_when[op]
    assert learned == {name: name in used for name in HEADS}


@pytest.mark.parametrize("op", LifecycleOp)
@pytest.mark.requirement("0.2", "6.1")
def test_disturbing_a_head_moves_the_ratio_by_that_head_and_only_where_it_is_used(op):
    network = growth_network()
    features, masks, actions = sample_op(network, op)
    with torch.no_grad():
        before = walk(network, features, masks, actions).log_probs
        for position, (name, own) in enumerate(network.head_parameters().items()):
            kept = [parameter.clone() for parameter in own]
            for parameter in own:
                parameter.add_(0.1).mul_(1.3)
            moved = walk(network, features, masks, actions).log_probs - before
            ratio = moved.sum(-1).exp()
            for parameter, value in zip(own, kept, strict=True):
                parameter.copy_(value)
            if name in growth_spec().used_when[op]:
                assert (ratio != 1).any()
                torch.testing.assert_close(ratio, moved[:, position].exp())
            else:
                assert (moved == 0).all()


def test_no_parameter_belongs_to_two_heads():
    owned = [id(p) for own in growth_network().head_parameters().values() for p in own]
    assert len(owned) == len(set(owned))
    assert list(growth_network().head_parameters()) == list(HEADS)


@pytest.mark.parametrize("parent", ["op", "slot", "blueprint", "style", "alpha_speed"])
def test_a_head_hears_of_the_choices_of_its_parents(parent):
    network, spec = growth_network(), growth_spec()
    rows = spec.nvec[HEADS.index(parent)]
    masks = torch.ones(rows, spec.mask_size, dtype=torch.bool)
    network.heads.used.fill_(True)  # so that no head is forced
    actions = torch.zeros(rows, len(HEADS), dtype=torch.int64)
    actions[:, HEADS.index(parent)] = torch.arange(rows)
    features = Features(*(f.expand(rows, *f.shape[1:]) for f in encode(network, 1)))
    path = walk(network, features, masks, actions)
    hears = {
        name
        for name, head in zip(HEADS, path.heads, strict=True)
        if not torch.allclose(head.log_probs, head.log_probs[:1].expand_as(head.log_probs))
    }
    assert hears == {head.name for head in spec.heads if parent in head.parents}


def test_slots_in_another_order_get_the_same_probabilities_in_that_order():
    network, order = growth_network(), [2, 0, 1]
    observations = draw_normal(8, network.encoder.size)
    slots = observations[:, BASE_FEATURES:].unflatten(1, (3, SLOT_FEATURES))
    moved = torch.cat([observations[:, :BASE_FEATURES], slots[:, order].flatten(1)], -1)
    masks = draw_masks(growth_spec(), 8, density=1.0)
    actions = torch.zeros(8, len(HEADS), dtype=torch.int64)
    actions[:, 0] = LifecycleOp.ADVANCE
    before, after = (
        network.heads(
            Features(*network.encoder(x)),
            masks,
            lambda position, head: actions[:, 0] if position == 0 else head.best(),
        )
        for x in (observations, moved)
    )
    torch.testing.assert_close(before.heads[0].log_probs, after.heads[0].log_probs)
    torch.testing.assert_close(before.heads[1].log_probs[:, order], after.heads[1].log_probs)
    assert not torch.allclose(before.heads[1].log_probs, after.heads[1].log_probs)

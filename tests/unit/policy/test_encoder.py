from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ObservationSpec, ShapeError, SlotBlock
from tamiyo.policy.encoder import Encoder
from tests.support.networks import draw_normal

# Two features of the host, two slots of two features, one of the host, two slots of one more.
SPLIT = ObservationSpec(
    size=9,
    slots=2,
    slot_blocks=(SlotBlock(offset=2, size=2), SlotBlock(offset=7, size=1)),
)


def build(observation: ObservationSpec) -> Encoder:
    generator = torch.Generator().manual_seed(0)
    return Encoder(observation, hidden=8, slot_hidden=4, generator=generator)


def test_a_slot_is_encoded_from_its_own_features_in_all_blocks():
    encoder, observations = build(SPLIT), draw_normal(1, 9).repeat(9, 1)
    before, after = encoder(observations)[1], encoder(observations + torch.eye(9))[1]
    moved = ((after - before).abs() > 1e-4).any(-1)
    assert moved[:, 0].nonzero().flatten().tolist() == [2, 3, 7]
    assert moved[:, 1].nonzero().flatten().tolist() == [4, 5, 8]


def test_every_feature_reaches_the_trunk():
    encoder = build(SPLIT)
    observations = draw_normal(1, 9).requires_grad_()
    encoder(observations)[0].square().sum().backward()
    assert (observations.grad != 0).all()


@pytest.mark.requirement("1.1")
def test_equal_slots_in_another_order_are_the_same_to_the_trunk():
    encoder, observations = build(SPLIT), draw_normal(3, 9)
    swapped = observations[:, [0, 1, 4, 5, 2, 3, 6, 8, 7]]
    (trunk, slots), (other_trunk, other_slots) = encoder(observations), encoder(swapped)
    torch.testing.assert_close(trunk, other_trunk)
    torch.testing.assert_close(slots, other_slots.flip(1))


def test_an_observation_without_slots_is_encoded_too():
    trunk, slots = build(ObservationSpec(size=5))(draw_normal(3, 5))
    assert trunk.shape == (3, 8)
    assert slots.shape == (3, 0, 0)


@pytest.mark.requirement("1.1")
def test_an_observation_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="observations must have 9 features, got 8"):
        build(SPLIT)(torch.zeros(1, 8))

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tamiyo.contracts import ObservationSpec, SlotBlock
from tamiyo.learning.normalizers import (
    ObservationNormalizer,
    RewardNormalizer,
    RunningMoments,
    ValueNormalizer,
    ValueScale,
)

SPEC = ObservationSpec(size=7, slots=2, slot_blocks=(SlotBlock(offset=2, size=2),))


def draw(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


@given(sizes=st.lists(st.integers(0, 7), min_size=1, max_size=5), offset=st.sampled_from([0, 1e4]))
@pytest.mark.requirement("2.2")
def test_moments_of_parts_are_those_of_the_whole(sizes, offset):
    parts = [draw(size, 3, seed=size).double() * 2 + offset for size in sizes]
    moments = RunningMoments(3)
    for part in parts:
        moments.update(part)
    whole = torch.cat(parts).numpy()
    if len(whole):
        np.testing.assert_allclose(moments.mean, whole.mean(0), rtol=1e-12)
        np.testing.assert_allclose(moments.variance, whole.var(0), rtol=1e-9, atol=1e-9)
    assert moments.count == len(whole)


def test_observations_are_unchanged_before_the_first_update():
    raw = draw(4, 7)
    assert torch.equal(ObservationNormalizer(SPEC).normalize(raw), raw)


def test_observations_are_standardized_by_field_with_slots_together():
    raw = draw(5, 4, 7) * 3 + torch.arange(7)
    normalizer = ObservationNormalizer(SPEC)
    normalizer.update(raw[:2])
    normalizer.update(raw[2:])
    scaled = normalizer.normalize(raw).double().numpy().reshape(20, 7)
    slots = raw.double().numpy().reshape(20, 7)[:, 2:6].reshape(40, 2)
    expected = ((slots - slots.mean(0)) / slots.std(0)).reshape(20, 4)
    np.testing.assert_allclose(scaled[:, 2:6], expected, atol=1e-5)
    np.testing.assert_allclose(scaled[:, [0, 1, 6]].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[:, [0, 1, 6]].std(0), 1, atol=1e-6)
    assert normalizer.normalize(raw).dtype == torch.float32


@pytest.mark.requirement("2.2")
def test_statistics_of_observations_change_in_update_only():
    raw = draw(10, 7)
    normalizer = ObservationNormalizer(SPEC)
    normalizer.update(raw)
    before = normalizer.normalize(raw)
    normalizer.normalize(raw * 100)
    assert torch.equal(normalizer.normalize(raw), before)


def test_a_feature_that_never_varied_keeps_its_scale():
    normalizer = ObservationNormalizer(ObservationSpec(size=1))
    normalizer.update(torch.full((9, 1), 0.1))
    assert normalizer.normalize(torch.tensor([[0.4]])).item() == pytest.approx(0.3)


@pytest.mark.requirement("2.3")
def test_cut_observations_are_counted_by_field():
    raw = torch.zeros(4, 7)
    raw[0, 0] = 11.0
    raw[0, 3] = raw[1, 5] = -12.0  # the same field of both slots
    normalizer = ObservationNormalizer(SPEC)
    assert normalizer.saturated() == {}
    assert normalizer.normalize(raw)[0, [0, 3]].tolist() == [10.0, -10.0]
    assert normalizer.saturated() == {"observation[0]": 0.25, "observation[3]": 0.25}
    normalizer.reset_counts()
    assert normalizer.saturated() == {}


def test_statistics_can_be_loaded_for_another_number_of_slots():
    wide = ObservationSpec(size=9, slots=3, slot_blocks=(SlotBlock(offset=2, size=2),))
    normalizer, loaded = ObservationNormalizer(SPEC), ObservationNormalizer(wide)
    raw = draw(8, 7) * 3
    normalizer.update(raw)
    loaded.load_state_dict(normalizer.state_dict())
    third_slot = torch.cat([raw[:, :4], raw[:, 2:]], 1)
    expected = normalizer.normalize(raw)
    assert torch.equal(loaded.normalize(third_slot)[:, 4:], expected[:, 2:])


def discount(rewards, ended, valid, gamma):
    """Discounted returns of one environment so far, step by step."""
    returns, total = [], 0.0
    for reward, end, is_valid in zip(rewards, ended, valid, strict=True):
        if is_valid:
            total = gamma * total + reward
            returns.append(total)
        if end:
            total = 0.0
    return returns


@pytest.mark.requirement("5.5")
def test_rewards_are_divided_by_the_deviation_of_discounted_returns():
    rewards, ended, valid = draw(8, 3).double(), draw(8, 3) > 0.5, draw(8, 3, seed=1) > -0.5
    normalizer = RewardNormalizer(3, gamma=0.9)
    for part in (slice(0, 3), slice(3, 8)):
        normalizer.update(rewards[part], ended=ended[part], valid=valid[part])
    returns = [
        value
        for n in range(3)
        for value in discount(
            rewards[:, n].tolist(), ended[:, n].tolist(), valid[:, n].tolist(), 0.9
        )
    ]
    scaled = normalizer.normalize(torch.tensor([1.0, -2.0]))
    np.testing.assert_allclose(scaled, np.array([1.0, -2.0]) / np.std(returns), rtol=1e-6)


@pytest.mark.requirement("5.5")
def test_a_rollout_is_normalized_at_one_frozen_scale():
    normalizer = RewardNormalizer(2, gamma=1.0)
    rewards = draw(5, 2) * 7
    flags = {"ended": rewards > 0, "valid": rewards == rewards}
    assert torch.equal(normalizer.normalize(rewards * 0.1), rewards * 0.1)
    normalizer.update(rewards, **flags)
    first = normalizer.normalize(rewards)
    assert torch.equal(normalizer.normalize(rewards), first)
    assert not torch.equal(first, rewards)


def test_equal_returns_leave_rewards_as_they_are():
    normalizer = RewardNormalizer(2, gamma=1.0)
    always = torch.ones(4, 2, dtype=torch.bool)
    normalizer.update(torch.ones(4, 2), ended=always, valid=always)
    assert normalizer.normalize(torch.ones(2)).tolist() == [1.0, 1.0]


@pytest.mark.requirement("2.3")
def test_cut_rewards_are_counted():
    normalizer = RewardNormalizer(2, gamma=1.0)
    assert normalizer.normalize(torch.tensor([[11.0, 1.0]])).tolist() == [[10.0, 1.0]]
    assert normalizer.saturated() == {"reward": 0.5}
    normalizer.reset_counts()
    assert normalizer.saturated() == {}


def build_critic():
    layer = nn.Linear(4, 1)
    with torch.no_grad():
        layer.weight.copy_(draw(1, 4))
        layer.bias.fill_(0.3)
    return layer


def test_values_in_rewards_are_preserved_when_the_statistics_move():
    normalizer, layer, features = ValueNormalizer(), build_critic(), draw(6, 4, seed=1)
    before = normalizer.denormalize(layer(features))
    for seed in range(3):
        normalizer.update(draw(5, 8, seed=seed) * 30 - 200, layer)
        assert torch.allclose(normalizer.denormalize(layer(features)), before, atol=1e-3)
    assert normalizer.deviation > 10


def test_returns_come_to_unit_scale_and_back():
    normalizer, returns = ValueNormalizer(), draw(50, 8) * 30 - 200
    assert torch.equal(normalizer.normalize(returns), returns)
    normalizer.update(returns, build_critic())
    scaled = normalizer.normalize(returns)
    assert scaled.mean().item() == pytest.approx(0, abs=1e-5)
    assert scaled.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(normalizer.denormalize(scaled), returns, atol=1e-3)


def test_statistics_of_returns_start_as_a_plain_average_and_then_forget():
    normalizer, layer = ValueNormalizer(), build_critic()
    for level in (1.0, 2.0, 3.0):
        normalizer.update(torch.full((4,), level), layer)
    assert normalizer.mean.item() == pytest.approx(2.0)
    for _ in range(200):
        normalizer.update(torch.full((4,), 9.0), layer)
    assert normalizer.mean.item() == pytest.approx(9.0, abs=0.01)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ObservationNormalizer(SPEC),
        lambda: RewardNormalizer(2, gamma=0.9),
        ValueNormalizer,
    ],
)
@pytest.mark.requirement("2.2")
def test_what_is_known_survives_saving(build):
    normalizer, loaded = build(), build()
    match normalizer:
        case ObservationNormalizer():
            raw = draw(9, 7) * 20
            normalizer.update(raw)
        case RewardNormalizer():
            raw = draw(9, 2) * 20
            normalizer.update(raw, ended=raw > 9, valid=raw == raw)
        case ValueNormalizer():
            raw = draw(9)
            normalizer.update(raw, build_critic())
    normalizer.normalize(raw)
    loaded.load_state_dict(normalizer.state_dict())
    assert torch.equal(loaded.normalize(raw), normalizer.normalize(raw))
    assert all(
        torch.equal(one, other)
        for one, other in zip(
            loaded.state_dict().values(), normalizer.state_dict().values(), strict=True
        )
    )


def test_a_value_is_brought_back_to_raw_rewards_by_both_normalizers():
    values, rewards = ValueNormalizer(), RewardNormalizer(2, gamma=0.9)
    read = ValueScale.read(values.state_dict(), rewards.state_dict())
    assert read == ValueScale(offset=0.0, factor=1.0)
    values.mean.fill_(6.0)
    values.deviation.fill_(2.5)
    rewards.scale.fill_(0.7)
    scale = ValueScale.read(values.state_dict(), rewards.state_dict())
    critic = values.normalize(rewards.normalize(torch.tensor([14.0])))
    assert scale.apply(float(critic)) == pytest.approx(14.0)
    assert scale == pytest.approx((6.0 / 0.7, 2.5 / 0.7))

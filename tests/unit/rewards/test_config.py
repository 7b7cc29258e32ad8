"""Weights of the reward: what is refused, and what the named compositions are."""

from __future__ import annotations

import math

import pytest

from tamiyo.contracts import ConfigError
from tamiyo.rewards import RewardConfig, RewardPreset


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("rent_weight", -0.1, "at least 0 and finite, got -0.1"),
        ("shock_points", math.inf, "at least 0 and finite, got inf"),
        ("stage_weight", math.nan, "at least 0 and finite, got nan"),
        ("hindsight_points", 0.3, "at most 0.2, got 0.3"),
        ("hindsight_discount", 1.5, "at most 1.0, got 1.5"),
        ("thrash_cycles", 0, "at least 1, got 0"),
    ],
)
def test_numbers_without_a_meaning_are_refused(name, value, rule):
    with pytest.raises(ConfigError, match=f"{name} must be {rule}"):
        RewardConfig(**{name: value})


def test_the_default_pays_the_score_and_nothing_else():
    assert RewardConfig.preset(RewardPreset.SPARSE) == RewardConfig()
    weights = ("attribution_weight", "stage_weight", "rent_weight", "shock_points")
    assert not any(getattr(RewardConfig(), name) for name in weights)
    assert not RewardConfig().needs_twin


def test_the_shaped_one_pays_every_part_and_needs_a_twin():
    shaped = RewardConfig.preset(RewardPreset.SHAPED)
    assert all(value > 0 for value in vars(shaped).values())
    assert shaped.needs_twin

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import ConfigError
from tamiyo.recipes import compute_interquartile_mean, compute_paired_interval


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert compute_interquartile_mean([100.0, 1.0, 3.0, 0.0]) == 2.0
    assert compute_interquartile_mean([-50.0, 2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 99.0]) == 3.5


def test_fewer_than_four_values_are_all_in_the_middle():
    assert compute_interquartile_mean([1.0, 2.0, 6.0]) == 3.0


def test_a_paired_interval_worked_out_by_hand():
    # Two differences, 1 and 3: a resample's mean is 1, 2 or 3 with chances 1/4, 1/2 and 1/4, so the
    # 2.5th and 97.5th percentiles are the ends.
    interval = compute_paired_interval([11.0, 23.0], [10.0, 20.0], seed=0)
    assert (interval.mean, interval.low, interval.high) == (2.0, 1.0, 3.0)


def test_what_seeds_share_does_not_widen_the_interval():
    shared = np.random.default_rng(0).normal(0, 50, size=10)
    gains = np.linspace(1.9, 2.1, 10)
    interval = compute_paired_interval((shared + gains).tolist(), shared.tolist(), seed=0)
    assert 1.9 <= interval.low < interval.mean < interval.high <= 2.1


@pytest.mark.parametrize("values", [[5.0], [5.0, 7.0, 9.0]])
def test_one_pair_or_equal_differences_have_no_width(values):
    interval = compute_paired_interval(values, [value - 2 for value in values], seed=0)
    assert (interval.mean, interval.low, interval.high) == (2.0, 2.0, 2.0)


def test_the_same_seed_gives_the_same_interval():
    values, reference = [1.0, 4.0, 2.0, 8.0, 5.0], [0.0, 1.0, 1.0, 3.0, 2.0]
    first, again = (compute_paired_interval(values, reference, seed=3) for _ in range(2))
    assert first == again


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        differences = generator.normal(1.5, 2.0, size=20)
        interval = compute_paired_interval(differences.tolist(), [0.0] * 20, seed=0)
        covered += interval.low <= 1.5 <= interval.high
    assert 50 <= covered <= 60


@pytest.mark.parametrize("count", [1, 2])
def test_pairs_that_do_not_pair_are_refused(count):
    with pytest.raises(ConfigError, match=f"must have 3 numbers like values, got {count}"):
        compute_paired_interval([1.0, 2.0, 3.0], [1.0] * count, seed=0)

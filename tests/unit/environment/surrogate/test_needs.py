"""The tables of needs and seeds: what makes watching pay."""

from __future__ import annotations

import pytest

from tamiyo.contracts import Blueprint
from tamiyo.environment.surrogate.needs import NEEDS, PAIRS, SEEDS


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_a_need_speaks_of_seeds_that_exist(need):
    assert set(need.worth) <= set(SEEDS)


def test_no_kind_of_seed_is_the_best_against_every_need():
    best = {max(need.worth, key=need.worth.__getitem__) for need in NEEDS.values()}
    assert len(best) >= 4


def test_some_seeds_do_harm_and_the_largest_is_not_worth_its_rent_everywhere():
    assert any(points < 0 for need in NEEDS.values() for points in need.worth.values())
    heavy = [need.worth.get(Blueprint.CONV_HEAVY, 0.0) for need in NEEDS.values()]
    assert min(heavy) < 0 < max(heavy)


def test_pairs_help_and_hinder_and_are_named_once():
    assert min(PAIRS.values()) < 0 < max(PAIRS.values())
    assert not {(other, one) for one, other in PAIRS if one != other} & set(PAIRS)

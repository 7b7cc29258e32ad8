"""Hindsight credit: recorded, discounted, delivered once, and never more than its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.rewards import ScaffoldLedger


def build(most=0.2, weight=0.1, discount=0.5):
    return ScaffoldLedger(most_points=most, weight=weight, discount=discount)


@pytest.mark.requirement("7.6")
def test_credit_is_discounted_by_its_delay_and_delivered_once():
    ledger = build()
    ledger.record("a", "b", 1.0, epoch=3)
    ledger.settle("b", epoch=5)
    assert ledger.deliver() == pytest.approx(0.1 * 1.0 * 0.5**2)
    assert ledger.deliver() == 0.0
    assert ledger.mean_delay == 2
    ledger.settle("b", epoch=6)
    assert ledger.pending == 0.0


def test_the_largest_boost_counts_and_harm_is_no_boost():
    ledger = build(discount=1.0)
    for epoch, points in enumerate([0.5, 1.5, 1.0, -3.0]):
        ledger.record("a", "b", points, epoch=epoch)
    ledger.record("c", "b", -1.0, epoch=4)
    assert len(ledger) == 1
    ledger.settle("b", epoch=9)
    assert ledger.deliver() == pytest.approx(0.15)


def test_seeds_that_are_gone_are_forgotten_but_a_scaffold_may_be():
    ledger = build()
    ledger.record("a", "b", 1.0, epoch=1)
    ledger.record("a", "c", 1.0, epoch=1)
    ledger.forget({"b": None})
    assert len(ledger) == 1
    assert ledger.mean_delay is None
    ledger.settle("b", epoch=1)
    assert ledger.deliver() == pytest.approx(0.1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 100))))
@pytest.mark.requirement("7.6")
def test_an_episode_never_earns_more_than_the_limit(boosts):
    ledger = build(discount=1.0)
    total = 0.0
    for epoch, (scaffold, boosted, points) in enumerate(boosts):
        ledger.record(scaffold, boosted, points, epoch=epoch)
        ledger.settle(boosted, epoch=epoch)
        total += ledger.deliver()
    assert total <= 0.2 + 1e-9
    assert ledger.pending == 0.0

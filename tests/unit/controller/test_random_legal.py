"""The random controller: legal, uniform, reproducible."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import Blueprint, ConfigError, LifecycleOp, SeedStage, find_refusal
from tamiyo.controller import RandomLegal
from tests.support.reports import (
    build_host_report,
    build_signals,
    build_slot_report,
    host_reports,
    training_signals,
)

FREE_AND_HOLDING = build_host_report(
    build_slot_report("r0c0"), build_slot_report("r0c1", SeedStage.HOLDING, gate_passed=True)
)


def draw_many(controller, host=FREE_AND_HOLDING, count=600):
    """Decisions on one and the same report."""
    return [controller.decide(build_signals(), host) for _ in range(count)]


@given(
    training_signals(), host_reports(), st.integers(), st.none() | st.sampled_from((0.0, 0.5, 1.0))
)
def test_every_sampled_decision_is_legal(signals, host, seed, wait_probability):
    decision = RandomLegal(seed, wait_probability=wait_probability).decide(signals, host)
    assert find_refusal(host, decision.to_command().to_action(host.slot_ids)) is None


def test_the_same_seed_draws_the_same_decisions():
    assert draw_many(RandomLegal(3)) == draw_many(RandomLegal(3))


def test_another_seed_draws_other_decisions():
    assert draw_many(RandomLegal(3)) != draw_many(RandomLegal(4))


def test_legal_ops_are_drawn_uniformly():
    counts = Counter(decision.op for decision in draw_many(RandomLegal(0), count=2000))
    assert set(counts) == set(LifecycleOp) - {LifecycleOp.ADVANCE}
    assert all(count == pytest.approx(400, rel=0.15) for count in counts.values())


def test_every_blueprint_that_fits_is_drawn():
    drawn = {decision.blueprint for decision in draw_many(RandomLegal(0))} - {Blueprint.NOOP}
    assert drawn == set(FREE_AND_HOLDING.slots[0].blueprint_parameters) - {Blueprint.NOOP}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_waits_as_often_as_it_is_told(share):
    decisions = draw_many(RandomLegal(0, wait_probability=share), count=2000)
    waits = sum(decision.op == LifecycleOp.WAIT for decision in decisions)
    assert waits / 2000 == pytest.approx(share, abs=0.04)


def test_it_waits_where_nothing_else_is_legal():
    host = build_host_report(build_slot_report("r0c0", SeedStage.EMBARGOED))
    [decision] = draw_many(RandomLegal(0, wait_probability=0.0), host, count=1)
    assert decision.op == LifecycleOp.WAIT


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ConfigError, match=rf"wait_probability must be in \[0, 1\], got {share}"):
        RandomLegal(0, wait_probability=share)

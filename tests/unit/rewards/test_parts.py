"""Parts of the reward by themselves: their signs, and numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tamiyo.contracts import (
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    LifecycleOp,
    SeedStage,
    Style,
)
from tamiyo.rewards import (
    compute_intervention_cost,
    compute_rent,
    compute_shock,
    compute_stage_potential,
    compute_synergy,
)
from tests.support.rewards import FREE_HOST, WAIT, command, germinate, host
from tests.support.tasks import TINY

LIVING = [
    SeedStage.GERMINATED,
    SeedStage.TRAINING,
    SeedStage.BLENDING,
    SeedStage.HOLDING,
    SeedStage.FOSSILIZED,
]


def test_stages_are_worth_more_the_further_they_are():
    worth = [compute_stage_potential(host(stage)) for stage in LIVING]
    assert worth == sorted(worth)
    assert worth[-1] == 1.0
    assert compute_stage_potential(FREE_HOST) == 0.0


@pytest.mark.parametrize("stage", [SeedStage.PRUNED, SeedStage.EMBARGOED])
def test_a_slot_that_cools_down_is_worth_nothing(stage):
    assert compute_stage_potential(host(stage)) == 0.0


@pytest.mark.requirement("7.3")
def test_rent_is_what_the_score_takes_off_spread_over_the_decisions():
    grown = host(SeedStage.TRAINING, blueprint=Blueprint.CONV_HEAVY)
    whole = TINY.rent_points * math.log(1600 / 1000)
    assert compute_rent(grown, TINY) == pytest.approx(whole / TINY.decision_epochs)
    assert compute_rent(FREE_HOST, TINY) == 0.0


def test_a_host_that_became_smaller_is_paid_no_rent():
    smaller = replace(FREE_HOST, parameters=FREE_HOST.host_parameters // 2)
    assert compute_rent(smaller, TINY) == 0.0


@pytest.mark.requirement("7.3")
def test_a_larger_blueprint_pays_more_rent():
    sizes = [Blueprint.NORM, Blueprint.CONV_SMALL, Blueprint.CONV_LIGHT, Blueprint.CONV_HEAVY]
    rents = [compute_rent(host(SeedStage.TRAINING, blueprint=one), TINY) for one in sizes]
    assert rents == sorted(rents)
    assert len(set(rents)) == len(rents)


def test_waiting_costs_nothing_and_every_other_op_the_same():
    assert compute_intervention_cost(WAIT) == 0.0
    ops = [op for op in LifecycleOp if op != LifecycleOp.WAIT]
    assert {compute_intervention_cost(command(op)) for op in ops} == {1.0}


def shock(before, decided, after=FREE_HOST):
    """The shock of a command; all but a first ramp are told by what was there before."""
    return compute_shock(before, decided, after)


@pytest.mark.requirement("7.4")
def test_an_instant_prune_shocks_more_than_any_ramp():
    holding = host(SeedStage.HOLDING, alpha=0.7)
    shocks = [shock(holding, command(LifecycleOp.PRUNE, speed=speed)) for speed in AlphaSpeed]
    assert shocks == pytest.approx([0.49, 0.49 / 3, 0.49 / 5, 0.49 / 8])


@pytest.mark.requirement("7.4")
def test_steps_up_shock_less_than_one_jump():
    def climb(alpha, target):
        decided = command(LifecycleOp.SET_ALPHA_TARGET, alpha_target=target)
        return shock(host(SeedStage.HOLDING, alpha=alpha), decided)

    steps = [climb(0.0, AlphaTarget.HALF), climb(0.5, AlphaTarget.SEVENTY)]
    steps.append(climb(0.7, AlphaTarget.FULL))
    assert steps == pytest.approx([0.25, 0.04, 0.09])
    assert sum(steps) < climb(0.0, AlphaTarget.FULL) == 1.0


def test_a_retarget_shocks_by_the_way_it_goes():
    holding = host(SeedStage.HOLDING, alpha=1.0)
    down = command(
        LifecycleOp.SET_ALPHA_TARGET, speed=AlphaSpeed.FAST, alpha_target=AlphaTarget.HALF
    )
    assert shock(holding, down) == pytest.approx(0.5**2 / AlphaSpeed.FAST.epochs)


@pytest.mark.requirement("0.10", "7.4")
def test_a_change_of_style_counts_the_old_and_the_new():
    holding = host(SeedStage.HOLDING, alpha=0.7)
    change = command(
        LifecycleOp.SET_ALPHA_TARGET,
        speed=AlphaSpeed.FAST,
        alpha_target=AlphaTarget.HALF,
        style=Style.LINEAR_MULTIPLY,
    )
    assert shock(holding, change) == pytest.approx((0.49 + 0.25) / AlphaSpeed.FAST.epochs)


@pytest.mark.parametrize(("epochs", "expected"), [(0, 0.49), (3, 0.49 / 3), (8, 0.49 / 8)])
def test_a_longer_first_ramp_shocks_less_and_a_jump_most(epochs, expected):
    blending = host(SeedStage.BLENDING, alpha=0.1, target=0.7, steps=epochs)
    for stage in (SeedStage.GERMINATED, SeedStage.TRAINING):
        advance = command(LifecycleOp.ADVANCE)
        assert shock(host(stage, alpha=0.0), advance, blending) == pytest.approx(expected)


def test_what_changes_no_alpha_does_not_shock():
    advance, training = command(LifecycleOp.ADVANCE), host(SeedStage.TRAINING, alpha=0.0)
    assert shock(FREE_HOST, WAIT) == 0.0
    assert shock(FREE_HOST, germinate(), host(SeedStage.GERMINATED, alpha=0.0)) == 0.0
    assert shock(host(SeedStage.GERMINATED, alpha=0.0), advance, training) == 0.0
    assert shock(host(SeedStage.BLENDING), advance, host(SeedStage.HOLDING)) == 0.0
    assert shock(host(SeedStage.HOLDING), command(LifecycleOp.FOSSILIZE)) == 0.0


def test_synergy_sums_the_positive_interactions():
    assert compute_synergy([2.0, -3.0, 0.5, 0.0]) == 2.5
    assert compute_synergy([]) == 0.0


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf])
def test_an_interaction_that_is_not_finite_is_no_synergy(points):
    assert compute_synergy([points, 1.0]) == 1.0

"""A meter through whole episodes: sums, ends, counters, and what must never pay."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    AlphaSpeed,
    Blueprint,
    InteractionReport,
    LifecycleOp,
    RewardParts,
    SeedStage,
)
from tamiyo.rewards import Ending, RewardConfig, compute_rent
from tamiyo.tasks import get_task, list_tasks
from tests.support.reports import (
    build_gain,
    build_host_report,
    build_seed_report,
    build_slot_report,
)
from tests.support.rewards import (
    FREE_HOST,
    SHAPED,
    WAIT,
    build_meter,
    command,
    germinate,
    host,
    step,
)
from tests.support.tasks import TINY

END = Ending(score=88.0)
FOSSILIZE = command(LifecycleOp.FOSSILIZE)
KINDS = [blueprint for blueprint in Blueprint if blueprint != Blueprint.NOOP]
COURSES = st.lists(
    st.tuples(st.none() | st.floats(-90, 90), st.floats(0, 100)), min_size=1, max_size=12
)
"""Contributions and control accuracies, epoch by epoch."""
LIVES = st.tuples(st.sampled_from(KINDS), COURSES, st.sampled_from(list(AlphaSpeed)))
"""What is germinated, what its epochs measure, and how fast it is pruned afterwards."""


def live_and_prune(blueprint, courses, speed):
    """The steps of a seed that germinates, blends for as long as its course, and ramps out."""
    way_out = max(1, speed.epochs)
    decided = [
        command(LifecycleOp.ADVANCE),
        *[WAIT] * (len(courses) - 1),
        command(LifecycleOp.PRUNE, speed=speed),
        *[WAIT] * (way_out - 1),
    ]
    now = host(SeedStage.GERMINATED, blueprint=blueprint, alpha=0.0)
    steps = [step(FREE_HOST, germinate(blueprint), now)]
    for left, decision, (points, accuracy) in zip(
        reversed(range(len(decided))), decided, cycle(courses), strict=False
    ):
        seed = {"points": points, "blueprint": blueprint, "steps": 5}
        after = host(SeedStage.BLENDING, **seed) if left else host(SeedStage.PRUNED)
        steps.append(step(now, decision, after, accuracy=accuracy))
        now = after
    return steps


@pytest.mark.requirement("7.1")
def test_parts_sum_to_the_reward():
    parts = RewardParts(**{item.name: 1.5**n for n, item in enumerate(fields(RewardParts))})
    assert parts.total == pytest.approx(sum(1.5**n for n in range(9)), abs=1e-6)


def test_rent_is_paid_as_much_as_it_weighs():
    grown = host(SeedStage.TRAINING, blueprint=Blueprint.CONV_HEAVY)
    paid = build_meter().pay(step(after=grown)).compute_rent
    assert paid == pytest.approx(-SHAPED.rent_weight * compute_rent(grown, TINY))
    assert paid < 0


def test_the_end_pays_the_score_less_the_baseline():
    parts = build_meter(RewardConfig()).pay(step(ending=replace(END, baseline=85.0)))
    assert (parts.terminal, parts.baseline, parts.total) == (88.0, -85.0, 3.0)


@pytest.mark.parametrize("name", list_tasks())
@pytest.mark.requirement("8.6")
def test_crashing_is_worth_less_than_all_rent_that_was_left_to_pay(name):
    task = get_task(name).config
    large = build_host_report(parameters=1_000_000)
    crashed = build_meter(task=task).pay(step(after=large, ending=replace(END, diverged=True)))
    meter = build_meter(task=task)
    rents = [meter.pay(step(large, after=large)) for _ in range(task.decision_epochs - 1)]
    patient = sum(parts.total for parts in [*rents, meter.pay(step(large, ending=END))])
    assert crashed.terminal == 88.0 - SHAPED.divergence_points
    assert crashed.total < patient


@given(lives=st.lists(LIVES, min_size=1, max_size=3), gamma=st.just(1.0) | st.floats(0.9, 1.0))
@pytest.mark.requirement("0.12", "7.7")
def test_seeds_that_are_grown_and_pruned_never_pay(lives, gamma):
    steps = [one for life in lives for one in live_and_prune(*life)]
    meter = build_meter(gamma=gamma)
    paid = [meter.pay(one).total for one in steps]
    assert sum(gamma**index * points for index, points in enumerate(paid)) < 0
    assert meter.counters.seeds_created == meter.counters.prunes == len(lives)


@given(LIVES)
@pytest.mark.requirement("7.1")
def test_every_part_has_its_sign_and_equal_steps_are_paid_equally(life):
    steps = live_and_prune(*life)
    one, other = build_meter(), build_meter()
    for taken in steps:
        parts = one.pay(taken)
        assert parts == other.pay(taken)
        assert max(parts.compute_rent, parts.alpha_shock, parts.intervention_cost) <= 0
        assert min(parts.synergy, parts.hindsight_credit) >= 0
        assert abs(parts.bounded_attribution) <= 2 * SHAPED.attribution_bound_points
    assert one.counters == other.counters


@given(
    courses=st.lists(st.tuples(st.floats(-90, 90), st.floats(0, 100)), min_size=1, max_size=12),
    gamma=st.floats(0.5, 1.0),
)
@pytest.mark.requirement("7.1", "7.7")
def test_both_potentials_telescope_to_nothing(courses, gamma):
    meter = build_meter(gamma=gamma)
    now, shaping, attribution = FREE_HOST, [], []
    for index, (points, accuracy) in enumerate(courses):
        after = host(SeedStage.BLENDING, points=points)
        ending = END if index == len(courses) - 1 else None
        parts = meter.pay(step(now, after=after, accuracy=accuracy, ending=ending))
        shaping.append(gamma**index * parts.stage_shaping)
        attribution.append(gamma**index * parts.bounded_attribution)
        now = after
    assert sum(shaping) == pytest.approx(0, abs=1e-9)
    assert sum(attribution) == pytest.approx(0, abs=1e-9)


def test_a_gain_is_attributed_when_it_is_made():
    parts = build_meter().pay(step(after=host(SeedStage.BLENDING, points=9.0), accuracy=56.0))
    assert parts.bounded_attribution == pytest.approx(6.0)


@pytest.mark.parametrize(("points", "sign"), [(-4.0, 1), (4.0, -1)])
@pytest.mark.requirement("0.12", "7.2")
def test_pruning_harm_pays_and_pruning_help_costs(points, sign):
    meter = build_meter()
    now = host(SeedStage.HOLDING, points=points)
    meter.pay(step(after=now, accuracy=60.0))
    parts = meter.pay(step(now, command(LifecycleOp.PRUNE), host(SeedStage.PRUNED)))
    assert parts.bounded_attribution * sign == pytest.approx(4.0)


@pytest.mark.parametrize(("points", "twin"), [(None, 50.0), (9.0, None)])
@pytest.mark.requirement("7.2")
def test_what_is_unmeasured_earns_nothing_and_is_counted(points, twin):
    meter = build_meter()
    parts = meter.pay(step(after=host(SeedStage.BLENDING, points=points), accuracy=90, twin=twin))
    assert parts.bounded_attribution == 0.0
    assert meter.counters.unknown_credits == 1


@pytest.mark.parametrize(
    ("points", "accuracy"), [(60.0, 50.0), (60.0, 40.0), (-5.0, 60.0)], ids=str
)
@pytest.mark.requirement("7.5")
def test_a_fossil_that_gained_nothing_or_did_harm_is_never_paid(points, accuracy):
    meter = build_meter()
    holding, fossil = host(SeedStage.HOLDING, points=points), host(SeedStage.FOSSILIZED)
    meter.pay(step(after=holding, accuracy=accuracy))
    parts = meter.pay(step(holding, FOSSILIZE, fossil, accuracy=accuracy))
    assert parts.bounded_attribution <= 0.0
    assert (parts.synergy, parts.hindsight_credit) == (0.0, 0.0)
    assert meter.counters.seeds_fossilized == 1
    assert meter.counters.contributing_fossilized == 0


def test_a_fossil_keeps_what_was_measured_before_and_its_gain_caps_it():
    meter = build_meter()
    holding = host(SeedStage.HOLDING, points=6.0)
    meter.pay(step(after=holding, accuracy=58.0))
    parts = meter.pay(step(holding, FOSSILIZE, host(SeedStage.FOSSILIZED), accuracy=58.0))
    assert parts.bounded_attribution == 0.0
    later = meter.pay(step(host(SeedStage.FOSSILIZED), after=host(SeedStage.FOSSILIZED), twin=47.0))
    assert later.bounded_attribution == pytest.approx(3.0 - 6.0)


def build_pair(younger=SeedStage.HOLDING, older=SeedStage.HOLDING):
    """Two seeds that contribute, the first of which is older; it may be gone."""
    slots = []
    for slot_id, stage, age, points in (("r0c0", older, 9, 7.0), ("r0c1", younger, 3, 5.0)):
        seed = build_seed_report(
            seed_id=f"{slot_id}-1", age_epochs=age, contribution=build_gain(points)
        )
        is_gone = stage == SeedStage.PRUNED
        slots.append(build_slot_report(slot_id, stage, seed=None if is_gone else seed))
    return build_host_report(*slots)


def commit_pair(meter, *, points=1.0, partner=SeedStage.FOSSILIZED):
    """Two seeds work together; the older is committed (or else), then the younger; both steps."""
    pair = (InteractionReport(slot_ids=("r0c0", "r0c1"), points=points),)
    both, one_left = build_pair(), build_pair(older=partner)
    meter.pay(step(after=both, accuracy=70.0, interactions=pair, epoch=4))
    op = LifecycleOp.FOSSILIZE if partner == SeedStage.FOSSILIZED else LifecycleOp.PRUNE
    first = meter.pay(step(both, command(op), one_left, accuracy=70.0, epoch=5))
    ended = build_pair(SeedStage.FOSSILIZED, older=partner)
    fossilize = command(LifecycleOp.FOSSILIZE, slot="r0c1")
    return first, meter.pay(step(one_left, fossilize, ended, accuracy=70.0, epoch=6))


@pytest.mark.parametrize("ends_at_once", [False, True])
@pytest.mark.requirement("7.6")
def test_a_scaffold_shares_in_a_later_commitment_exactly_once(ends_at_once):
    meter = build_meter()
    before, after = build_pair(), build_pair(SeedStage.FOSSILIZED)
    pair = (InteractionReport(slot_ids=("r0c0", "r0c1"), points=1.0),)
    meter.pay(step(after=before, accuracy=70.0, interactions=pair, epoch=4))
    fossilize = command(LifecycleOp.FOSSILIZE, slot="r0c1")
    committed = step(before, fossilize, after, accuracy=70.0, epoch=6)
    if ends_at_once:
        paid = [meter.pay(replace(committed, ending=END))]
    else:
        paid = [meter.pay(committed), *(meter.pay(step(after, after=after)) for _ in range(3))]
    credit = 0.1 * 1.0 * SHAPED.hindsight_discount**2
    expected = [credit] if ends_at_once else [0.0, credit, 0.0, 0.0]
    assert [parts.hindsight_credit for parts in paid] == pytest.approx(expected)
    assert (meter.counters.scaffolds, meter.counters.scaffold_delay_epochs) == (1, 2)
    assert meter.counters.contributing_fossilized == 1


@pytest.mark.parametrize(("points", "paid"), [(2.0, 0.2), (100.0, 0.5), (-3.0, 0.0)])
def test_two_seeds_are_paid_for_working_together_once_both_are_committed(points, paid):
    meter = build_meter()
    first, second = commit_pair(meter, points=points)
    assert (first.synergy, second.synergy) == (0.0, pytest.approx(paid))
    after = build_pair(SeedStage.FOSSILIZED, older=SeedStage.FOSSILIZED)
    assert meter.pay(step(after, after=after, accuracy=70.0)).synergy == 0.0


def test_what_was_measured_of_a_pair_outlives_a_third_seed():
    meter = build_meter()
    third = build_slot_report(
        "r0c2", SeedStage.HOLDING, seed=build_seed_report(seed_id="r0c2-1", age_epochs=5)
    )

    def with_third(host, slot=third):
        return replace(host, slots=(*host.slots, slot))

    pair = (InteractionReport(slot_ids=("r0c0", "r0c1"), points=2.0),)
    both, one_left = build_pair(), build_pair(older=SeedStage.FOSSILIZED)
    ended = build_pair(SeedStage.FOSSILIZED, older=SeedStage.FOSSILIZED)
    meter.pay(step(after=with_third(both), accuracy=70.0, interactions=pair, epoch=4))
    steps = [
        (both, FOSSILIZE, one_left),
        (one_left, command(LifecycleOp.FOSSILIZE, slot="r0c1"), ended),
    ]
    paid = [
        meter.pay(step(with_third(before), op, with_third(after), accuracy=70.0))
        for before, op, after in steps
    ]
    assert [parts.synergy for parts in paid] == pytest.approx([0.0, 0.2])
    assert meter.counters.contributing_fossilized == 2


@pytest.mark.parametrize("partner", [SeedStage.PRUNED, SeedStage.HOLDING])
def test_a_seed_that_is_not_committed_brings_no_synergy(partner):
    assert commit_pair(build_meter(), points=2.0, partner=partner)[1].synergy == 0.0


@pytest.mark.requirement("7.8")
def test_counters_match_what_was_carried_out_and_thrashing_raises_an_alarm():
    config = replace(SHAPED, thrash_cycles=2)
    meter = build_meter(config)
    for turn in range(2):
        assert not meter.is_thrashing
        grown = host(SeedStage.TRAINING, seed_id=f"r0c0-{turn}")
        meter.pay(step(FREE_HOST, germinate(), grown))
        meter.pay(step(grown, command(LifecycleOp.PRUNE), host(SeedStage.PRUNED)))
    counters = meter.counters
    assert (counters.seeds_created, counters.prunes, counters.fruitless_cycles) == (2, 2, 2)
    assert counters.seeds_fossilized == 0
    assert meter.is_thrashing


@pytest.mark.requirement("7.8")
def test_pruning_a_seed_that_once_gained_is_no_thrashing():
    meter = build_meter(replace(SHAPED, thrash_cycles=1))
    grown = host(SeedStage.HOLDING, points=5.0)
    meter.pay(step(after=grown, accuracy=60.0))
    meter.pay(step(grown, command(LifecycleOp.PRUNE), host(SeedStage.PRUNED)))
    assert meter.counters.prunes == 1
    assert not meter.is_thrashing


def test_pruning_a_seed_that_only_did_harm_is_thrashing():
    meter = build_meter(replace(SHAPED, thrash_cycles=1))
    harmful = host(SeedStage.HOLDING, points=-5.0)
    meter.pay(step(after=harmful, accuracy=40.0))
    meter.pay(step(harmful, command(LifecycleOp.PRUNE), host(SeedStage.PRUNED)))
    assert meter.counters.fruitless_cycles == 1
    assert meter.is_thrashing


def test_without_a_twin_nothing_says_that_a_seed_was_fruitless():
    meter = build_meter(replace(SHAPED, thrash_cycles=1))
    grown = host(SeedStage.HOLDING, points=5.0)
    meter.pay(step(after=grown, twin=None))
    meter.pay(step(grown, command(LifecycleOp.PRUNE), host(SeedStage.PRUNED), twin=None))
    assert (meter.counters.prunes, meter.counters.fruitless_cycles) == (1, 0)
    assert not meter.is_thrashing

"""What the reports of a real host let a meter pay for, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import LifecycleOp
from tamiyo.rewards import Ending, PaidStep, RewardConfig, RewardMeter, RewardPreset
from tests.support.reports import build_gain
from tests.support.tasks import TINY, WAIT, act, germinate, make_member, make_worthy

ADVANCE, FOSSILIZE = LifecycleOp.ADVANCE, LifecycleOp.FOSSILIZE
SCRIPT = [
    germinate("r0c0"),
    germinate("r0c1"),
    act(ADVANCE, "r0c0"),
    act(ADVANCE, "r0c1"),
    act(ADVANCE, "r0c0"),
    act(ADVANCE, "r0c1"),
    act(FOSSILIZE, "r0c0"),
    act(FOSSILIZE, "r0c1"),
    WAIT,
    WAIT,
]
"""Two seeds from their germination to their commitment, by the end of which all is settled."""


def let_it_work(result):
    """The same result, had every contribution and interaction that it measured been positive."""
    slots = tuple(
        slot
        if slot.seed is None or slot.seed.contribution is None
        else replace(slot, seed=replace(slot.seed, contribution=build_gain(6.0)))
        for slot in result.host.slots
    )
    pairs = tuple(replace(pair, points=2.0) for pair in result.measured.interactions)
    return replace(
        result,
        host=replace(result.host, slots=slots),
        measured=replace(result.measured, interactions=pairs),
    )


def play():
    """Follow the script on a host whose seeds work; what each step was paid, and the meter."""
    member = make_member()
    latest = let_it_work(member.describe_start())
    config = RewardConfig.preset(RewardPreset.SHAPED)
    meter, paid = RewardMeter(config, TINY, gamma=1.0, host=latest.host), []
    for decided in SCRIPT:
        if decided.op == FOSSILIZE:
            make_worthy(member, decided.slot_id)
        before, result = latest.host, member.step(decided)
        assert result.refusal is None
        latest = let_it_work(result)
        step = PaidStep(
            before=before,
            command=decided,
            after=latest.host,
            measured=latest.measured,
            twin_points=latest.measured.control_accuracy - 9.0,
            ending=Ending(score=80.0) if len(paid) == len(SCRIPT) - 1 else None,
        )
        paid.append(meter.pay(step))
    return meter, paid


@pytest.mark.requirement("7.1", "7.6")
def test_every_part_is_paid_when_it_is_due_on_a_real_host():
    _, paid = play()
    when = {
        name: [index for index, parts in enumerate(paid) if getattr(parts, name)]
        for name in vars(paid[0])
    }
    assert when["compute_rent"] == list(range(len(SCRIPT)))
    assert when["intervention_cost"] == list(range(8))
    assert when["alpha_shock"] == [2, 3]
    assert when["stage_shaping"] == [*range(8), 9]
    assert when["bounded_attribution"] == [2, 3, 9]
    assert (when["synergy"], when["hindsight_credit"], when["terminal"]) == ([7], [8], [9])


@pytest.mark.requirement("7.8")
def test_an_episode_of_a_real_host_counts_what_was_carried_out():
    meter, paid = play()
    counters = meter.counters
    assert (counters.seeds_created, counters.seeds_fossilized, counters.prunes) == (2, 2, 0)
    assert (counters.contributing_fossilized, counters.scaffolds) == (2, 1)
    assert sum(parts.stage_shaping for parts in paid) == pytest.approx(0)
    assert sum(parts.bounded_attribution for parts in paid) == pytest.approx(0)

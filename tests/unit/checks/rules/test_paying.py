"""Checks of the reward: green on what was paid, red on what must not be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tamiyo.checks.rules.paying import (
    check_counters,
    check_cycles,
    check_hindsight,
    check_parts,
)
from tests.support.evidence import change_course, change_steps, look, observe_hosts

CHECKS = [check_parts, check_hindsight, check_cycles, check_counters]


@pytest.mark.parametrize("check", CHECKS)
def test_what_was_really_paid_holds(check):
    assert look(check, observe_hosts())[0]


def pay(**changes):
    """The first paid step with some parts replaced."""

    def change(step):
        return replace(step, parts=replace(step.parts, **changes))

    return change_steps(observe_hosts(), lambda step: step.parts is not None, change)


PARTS = {
    "compute_rent": (0.5, "compute_rent is 0.5"),
    "alpha_shock": (0.5, "alpha_shock is 0.5"),
    "intervention_cost": (-9.0, "cost -9 instead of"),
    "hindsight_credit": (0.3, "hindsight_credit is 0.3"),
    "bounded_attribution": (float("nan"), "the reward is nan"),
    "stage_shaping": (5.0, "stage_shaping of .* sums to"),
    "terminal": (4.0, "was paid .* for a score of"),
}


@pytest.mark.parametrize(("part", "wrong"), PARTS.items(), ids=PARTS)
def test_a_part_that_breaks_its_rule_is_found(part, wrong):
    value, message = wrong
    holds, told = look(check_parts, pay(**{part: value}))
    assert not holds
    assert re.search(message, told)


def test_a_reward_that_is_not_the_sum_of_its_parts_is_found():
    evidence = observe_hosts()
    doctored = replace(evidence, play=replace(evidence.play, rewards=evidence.play.rewards + 0.01))
    holds, told = look(check_parts, doctored)
    assert not holds
    assert "rewards at most 1.0e-02 from their parts" in told


def test_returns_that_rank_otherwise_than_scores_are_found():
    evidence = observe_hosts()
    courses = []
    for place, course in enumerate(evidence.courses):
        *rest, last = course.steps
        wrong = replace(last, parts=None)
        paid = [
            replace(step, parts=replace(step.parts, synergy=0.0)) for step in rest if step.parts
        ]
        tail = replace(paid[-1], parts=replace(paid[-1].parts, synergy=1000.0 * (place % 3)))
        courses.append(replace(course, steps=(*paid[:-1], tail, wrong)))
    _, told = look(check_parts, replace(evidence, courses=tuple(courses)))
    assert "rank alike (" in told


def test_credit_that_was_not_earned_is_found():
    holds, told = look(check_hindsight, pay(hindsight_credit=0.19))
    assert not holds
    assert "in hindsight" in told


def test_planting_and_pruning_that_pays_is_found():
    evidence = observe_hosts()
    place = next(
        place
        for place, course in enumerate(evidence.courses)
        if course.end.counters.prunes and not course.end.counters.seeds_fossilized
    )
    steps = tuple(
        step if step.parts is None else replace(step, parts=replace(step.parts, synergy=1.0))
        for step in evidence.courses[place].steps
    )
    holds, told = look(check_cycles, change_course(evidence, place, steps=steps))
    assert not holds
    assert "and kept nothing" in told


COUNTERS = {
    "seeds_created": "GERMINATE",
    "seeds_fossilized": "FOSSILIZE",
    "prunes": "PRUNE",
}


@pytest.mark.parametrize(("name", "op"), COUNTERS.items())
def test_a_counter_that_is_off_by_one_is_found(name, op):
    evidence = observe_hosts()
    end = evidence.courses[0].end
    counters = replace(end.counters, **{name: getattr(end.counters, name) + 1})
    doctored = change_course(evidence, 0, end=replace(end, counters=counters))
    holds, told = look(check_counters, doctored)
    assert not holds
    assert f"environment 0 episode 0 counted {getattr(counters, name)} {op} of" in told


def test_a_return_that_is_not_what_was_paid_is_found():
    evidence = observe_hosts()
    end = evidence.courses[0].end
    doctored = change_course(evidence, 0, end=replace(end, episode_return=1e3))
    assert "returned 1000.0000 and was paid" in look(check_counters, doctored)[1]

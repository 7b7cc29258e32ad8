"""Checks of whole lives: green on what happened, red on what cannot have."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tamiyo.checks.evidence import Cycles
from tamiyo.checks.rules.whole import check_ledgers, check_lives
from tamiyo.contracts import SeedGerminated, SeedStage, StageChanged
from tests.support.evidence import change_steps, look, observe_hosts

CYCLES = Cycles(count=4, before={"hooks": 0}, after={"hooks": 0}, strays=0)


@pytest.mark.parametrize("check", [check_lives, check_ledgers])
def test_what_really_happened_holds(check):
    assert look(check, observe_hosts())[0]


def change_events(kind, change):
    def is_wanted(step):
        return bool(step.pick(kind))

    def doctor(step):
        changes = [one for event in step.changes for one in change(event, kind)]
        return replace(step, changes=tuple(changes))

    return change_steps(observe_hosts(), is_wanted, doctor)


def twice(event, kind):
    return [event, event] if isinstance(event, kind) else [event]


def never(event, kind):
    return [] if isinstance(event, kind) else [event]


def leap(event, kind):
    is_it = isinstance(event, kind)
    return [replace(event, to_stage=SeedStage.FOSSILIZED)] if is_it else [event]


EVENTS = {
    "birth told twice": (SeedGerminated, twice, "tells SeedGerminated of .* 2 times"),
    "stage told by nobody": (StageChanged, never, "is in a stage that no event told"),
    "stage told twice": (StageChanged, twice, "left a stage it was not in"),
    "a leap": (StageChanged, leap, "went from free to FOSSILIZED"),
}


@pytest.mark.parametrize(("kind", "change", "message"), EVENTS.values(), ids=EVENTS)
def test_an_impossible_life_is_found(kind, change, message):
    holds, told = look(check_lives, change_events(kind, change))
    assert not holds
    assert re.search(message, told)


def test_parameters_of_nobody_are_found():
    def grow(step):
        return replace(step, after=replace(step.after, parameters=step.after.parameters + 1))

    doctored = change_steps(observe_hosts(), lambda step: True, grow)
    holds, told = look(check_ledgers, doctored)
    assert not holds
    assert "of which" in told


def test_what_seeds_leave_behind_is_found():
    evidence = replace(observe_hosts(), cycles=CYCLES)
    assert look(check_ledgers, evidence)[0]
    leaking = replace(CYCLES, after={"hooks": 2}, strays=3)
    holds, told = look(check_ledgers, replace(evidence, cycles=leaking))
    assert not holds
    assert told == "hooks went from 0 to 2; 3 parameters in no group or in two"


def test_a_seed_that_begins_dead_or_moving_is_found():
    evidence = replace(observe_hosts(), cycles=CYCLES)
    assert look(check_lives, evidence)[0]
    stillborn = replace(CYCLES, moving=("NORM in r0c0",), dead=("MLP in r0c1",))
    holds, told = look(check_lives, replace(evidence, cycles=stillborn))
    assert not holds
    assert told == (
        "NORM in r0c0 changes the outputs when it is born; "
        "MLP in r0c1 gets no gradient when it is born"
    )

"""Courses: events sorted into the epochs they belong to."""

from __future__ import annotations

from tamiyo.contracts import SeedGerminated, SeedStage
from tests.support.evidence import observe_hosts, pick_step


def test_epochs_follow_each_other_and_closing_ones_decide_nothing():
    for course in observe_hosts().courses:
        assert [step.epoch for step in course.steps] == list(range(1, 25))
        assert [step.decision is not None for step in course.steps] == [True] * 14 + [False] * 10
        assert len(course.paid) == 14
        assert course.end is not None


def test_what_is_before_a_step_is_what_was_after_the_last():
    for course in observe_hosts().courses:
        earlier = [step.before for step in course.steps[1:]]
        assert earlier == [step.after for step in course.steps[:-1]]
        assert all(slot.blueprint_parameters for host in earlier for slot in host.slots)


def test_events_of_growth_lie_in_the_epoch_they_happened_in():
    place, step = pick_step(observe_hosts(), lambda step: step.pick(SeedGerminated))
    (event,) = step.pick(SeedGerminated)
    assert event.epoch == step.epoch
    assert step.after.slot(event.slot_id).stage == SeedStage.GERMINATED
    course = observe_hosts().courses[place]
    name = f"environment {place} episode 0"
    assert course.name == name
    assert course.locate(step, "r0c0") == f"{name} epoch {step.epoch} slot r0c0"

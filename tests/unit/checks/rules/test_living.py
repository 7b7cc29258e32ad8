"""Checks of seeds' lives: green on what happened, red on what must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.checks.rules.living import (
    check_agreement,
    check_embargo,
    check_freshness,
    is_executable,
)
from tamiyo.contracts import LifecycleOp, SeedStage, legal_ops
from tests.support.evidence import (
    change_slot,
    change_steps,
    look,
    observe_hosts,
    observe_learner,
    pick_step,
)


@pytest.mark.parametrize("check", [check_embargo, check_agreement, check_freshness])
def test_what_really_happened_holds(check):
    assert look(check, observe_hosts())[0]


def test_synthetic_hosts_are_looked_at_by_their_reports():
    holds, told = look(check_embargo, observe_learner())
    assert holds
    assert "prunes" in told


def test_another_embargo_than_the_rules_say_is_found():
    evidence = observe_hosts()
    lifecycle = replace(evidence.rules.lifecycle, embargo_epochs_after_prune=1)
    doctored = replace(evidence, rules=replace(evidence.rules, lifecycle=lifecycle))
    holds, told = look(check_embargo, doctored)
    assert not holds
    assert "was free 2 epochs after the prune of epoch" in told


def test_a_seed_that_leaves_before_its_schedule_is_found():
    def is_scheduled(step):
        decision = step.decision
        return (
            decision is not None
            and decision.command.op == LifecycleOp.PRUNE
            and decision.command.alpha_speed.epochs == 0
        )

    def slow_down(step):
        speed = type(step.decision.command.alpha_speed)
        slow = max(speed, key=lambda one: one.epochs)
        command = replace(step.decision.command, alpha_speed=slow)
        return replace(step, decision=replace(step.decision, command=command))

    holds, told = look(check_embargo, change_steps(observe_hosts(), is_scheduled, slow_down))
    assert not holds
    assert "leaves nothing in epoch" in told


def decides(op, *, valid=True):
    return lambda step: (
        step.decision is not None
        and step.decision.command.op == op
        and step.decision.action_valid == valid
    )


def test_an_op_carried_out_against_the_rules_is_found():
    def make_young(step):
        slot_id = step.decision.command.slot_id
        return replace(step, before=change_slot(step.before, slot_id, age_epochs=0))

    doctored = change_steps(observe_hosts(), decides(LifecycleOp.PRUNE), make_young)
    holds, told = look(check_agreement, doctored)
    assert not holds
    assert "PRUNE was carried out against the rules" in told
    assert "the masks are wrong about PRUNE" in told


def test_a_valid_op_without_an_effect_is_found():
    def undo(step):
        return replace(step, after=step.before)

    doctored = change_steps(observe_hosts(), decides(LifecycleOp.GERMINATE), undo)
    assert "GERMINATE was valid without effect" in look(check_agreement, doctored)[1]


def test_an_illegal_action_that_changed_something_is_found():
    evidence = observe_hosts()
    shown = evidence.play.observations.copy()
    shown[-1, 0, 0] += 1
    doctored = replace(evidence, play=replace(evidence.play, observations=shown))
    holds, told = look(check_agreement, doctored)
    assert not holds
    assert "illegal actions changed observations" in told


STALE = {
    "previous_gradient_health": (lambda seed: 0.123, "previous gradient health is not that"),
    "age_epochs": (lambda seed: seed.age_epochs + 1, "its age went from"),
    "epochs_since_counterfactual": (lambda seed: 7, "its contribution"),
    "contribution_velocity": (lambda seed: 99.0, "velocity is 99.0 instead of"),
}


@pytest.mark.parametrize(("field", "doctor"), STALE.items(), ids=STALE)
def test_a_stale_field_is_found(field, doctor):
    change, message = doctor

    def find(step):
        for before, after in zip(step.before.slots, step.after.slots, strict=True):
            seeds = before.seed, after.seed
            if None in seeds or seeds[0].seed_id != seeds[1].seed_id:
                continue
            if seeds[0].contribution and seeds[1].epochs_since_counterfactual == 0:
                return after
        return None

    def spoil(step):
        slot = find(step)
        changed = {field: change(slot.seed)}
        return replace(step, after=change_slot(step.after, slot.slot_id, **changed))

    holds, told = look(check_freshness, change_steps(observe_hosts(), find, spoil))
    assert not holds
    assert message in told


def test_the_written_rules_are_those_of_legality_where_blueprints_fit():
    for course in observe_hosts().courses:
        for step in course.steps:
            for slot in step.before.slots:
                mine = {op for op in LifecycleOp if is_executable(op, slot, step.before)}
                assert mine == legal_ops(slot, step.before)


def test_a_fossil_may_only_wait():
    _, step = pick_step(
        observe_hosts(),
        lambda step: any(slot.stage == SeedStage.FOSSILIZED for slot in step.before.slots),
    )
    (fossil, *_) = [slot for slot in step.before.slots if slot.stage == SeedStage.FOSSILIZED]
    legal = [op for op in LifecycleOp if is_executable(op, fossil, step.before)]
    assert legal == [LifecycleOp.WAIT]

"""Carrying out a schedule: what is due and legal happens, in order, the rest waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    LifecycleOp,
    ScheduleError,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.controller import (
    Schedule,
    ScheduleController,
    ScriptedDecision,
    SeedPlan,
    check_schedule,
    is_legal,
)
from tests.support.reports import (
    build_host_report,
    build_signals,
    build_slot_report,
    host_reports,
    training_signals,
)


def plan(slot="r0c0", **changes):
    """A norm seed for the first epoch."""
    return SeedPlan(**({"slot": slot, "germinate": 1, "blueprint": Blueprint.NORM} | changes))


def script(epoch, op, slot="r0c0", **changes):
    """One decision word for word."""
    return ScriptedDecision(epoch=epoch, op=op, slot=slot, **changes)


def decide(controller, *slots, epoch=10):
    """Ask for a decision on a host with these slots."""
    return controller.decide(build_signals(), build_host_report(*slots, epoch=epoch))


def plant(*plans):
    """A controller that has planted all its seeds."""
    controller = ScheduleController(Schedule(seeds=plans))
    free = [build_slot_report(each.slot) for each in plans]
    for _ in plans:
        assert decide(controller, *free).op == LifecycleOp.GERMINATE
    return controller


def grown(slot_id, stage, *, gate_passed=True, **changes):
    """A slot whose seed is in this stage."""
    slot = build_slot_report(slot_id, stage, gate_passed=gate_passed)
    return replace(slot, seed=replace(slot.seed, **changes))


def test_a_seed_is_planted_as_planned():
    wanted = plan(style=Style.LINEAR_ADD, tempo=Tempo.SLOW, alpha_target=AlphaTarget.HALF)
    decision = decide(ScheduleController(Schedule(seeds=(wanted,))), build_slot_report())
    assert (decision.op, decision.slot_id) == (LifecycleOp.GERMINATE, "r0c0")
    assert (decision.blueprint, decision.style) == (Blueprint.NORM, Style.LINEAR_ADD)
    assert (decision.tempo, decision.alpha_target) == (Tempo.SLOW, AlphaTarget.HALF)


@pytest.mark.parametrize(("epoch", "op"), [(6, LifecycleOp.WAIT), (7, LifecycleOp.GERMINATE)])
def test_a_seed_is_planted_from_its_epoch_on(epoch, op):
    controller = ScheduleController(Schedule(seeds=(plan(germinate=7),)))
    assert decide(controller, epoch=epoch).op == op


def test_a_seed_waits_for_its_slot_and_is_planted_once():
    controller = ScheduleController(Schedule(seeds=(plan(),)))
    cooling = build_slot_report("r0c0", SeedStage.EMBARGOED)
    slots = (cooling, build_slot_report(), build_slot_report())
    ops = [decide(controller, slot).op for slot in slots]
    assert ops == [LifecycleOp.WAIT, LifecycleOp.GERMINATE, LifecycleOp.WAIT]


def test_the_earliest_seed_is_planted_first():
    seeds = (plan("r0c0", germinate=5), plan("r0c1", germinate=4))
    controller = ScheduleController(Schedule(seeds=seeds))
    slots = (build_slot_report("r0c0"), build_slot_report("r0c1"))
    assert [decide(controller, *slots).slot_id for _ in seeds] == ["r0c1", "r0c0"]


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.BLENDING])
def test_a_seed_advances_as_soon_as_its_gate_passes(stage):
    controller = plant(plan())
    assert decide(controller, grown("r0c0", stage, gate_passed=False)).op == LifecycleOp.WAIT
    assert decide(controller, grown("r0c0", stage)).op == LifecycleOp.ADVANCE


@pytest.mark.parametrize(("epochs", "op"), [(2, LifecycleOp.WAIT), (3, LifecycleOp.ADVANCE)])
def test_a_seed_incubates_at_least_as_long_as_planned(epochs, op):
    seed = grown("r0c0", SeedStage.TRAINING, epochs_in_stage=epochs)
    assert decide(plant(plan(incubate=3)), seed).op == op


@pytest.mark.parametrize(("epochs", "op"), [(1, LifecycleOp.WAIT), (2, LifecycleOp.FOSSILIZE)])
def test_a_seed_holds_as_long_as_planned(epochs, op):
    seed = grown("r0c0", SeedStage.HOLDING, epochs_in_stage=epochs)
    assert decide(plant(plan(hold=2)), seed).op == op


@pytest.mark.parametrize(("epoch", "op"), [(19, LifecycleOp.WAIT), (20, LifecycleOp.FOSSILIZE)])
def test_a_seed_is_committed_no_earlier_than_planned(epoch, op):
    seed = grown("r0c0", SeedStage.HOLDING)
    assert decide(plant(plan(fossilize=20)), seed, epoch=epoch).op == op


def test_a_seed_is_not_committed_before_its_gate_passes():
    seed = grown("r0c0", SeedStage.HOLDING, gate_passed=False)
    assert decide(plant(plan()), seed).op == LifecycleOp.WAIT


@pytest.mark.parametrize(("epoch", "op"), [(19, LifecycleOp.ADVANCE), (20, LifecycleOp.PRUNE)])
@pytest.mark.parametrize("stage", [SeedStage.TRAINING, SeedStage.BLENDING])
def test_a_seed_past_its_pruning_epoch_is_pruned_and_no_longer_advances(stage, epoch, op):
    assert decide(plant(plan(prune=20)), grown("r0c0", stage), epoch=epoch).op == op


def test_a_seed_past_its_pruning_epoch_is_no_longer_committed():
    seed = grown("r0c0", SeedStage.HOLDING)
    assert decide(plant(plan(prune=20)), seed, epoch=20).op == LifecycleOp.PRUNE


def test_fossilize_goes_before_advance_before_prune_before_germinate():
    plans = [plan(f"r0c{i}") for i in range(3)]
    plans[0] = plan("r0c0", prune=10)
    controller = ScheduleController(Schedule(seeds=(*plans, plan("r0c3", germinate=9))))
    empty = [build_slot_report(each.slot) for each in plans]
    for _ in plans:
        decide(controller, *empty, epoch=1)
    pruned = grown("r0c0", SeedStage.TRAINING)
    slots = [pruned, grown("r0c1", SeedStage.TRAINING), grown("r0c2", SeedStage.HOLDING)]
    done = {
        1: grown("r0c1", SeedStage.TRAINING, gate_passed=False),
        2: build_slot_report("r0c2", SeedStage.FOSSILIZED),
    }
    ops = []
    free = build_slot_report("r0c3")
    ops.append(decide(controller, *slots, free).op)
    ops.append(decide(controller, *slots[:2], done[2], free).op)
    ops.append(decide(controller, pruned, done[1], done[2], free).op)
    cooling = build_slot_report("r0c0", SeedStage.EMBARGOED)
    ops.append(decide(controller, cooling, done[1], done[2], free).op)
    assert [op.name for op in ops] == ["FOSSILIZE", "ADVANCE", "PRUNE", "GERMINATE"]


def test_a_seed_it_did_not_plant_is_left_alone():
    controller = ScheduleController(Schedule(seeds=(plan(germinate=50),)))
    assert decide(controller, grown("r0c0", SeedStage.GERMINATED)).op == LifecycleOp.WAIT


def test_a_later_plan_takes_over_its_slot():
    first, second = plan(prune=5), plan(germinate=10, hold=4)
    controller = ScheduleController(Schedule(seeds=(first, second)))
    decide(controller, build_slot_report(), epoch=1)
    decide(controller, build_slot_report(), epoch=10)
    held = grown("r0c0", SeedStage.HOLDING, epochs_in_stage=4)
    assert decide(controller, held, epoch=30).op == LifecycleOp.FOSSILIZE


@pytest.mark.parametrize(("epoch", "op"), [(4, LifecycleOp.WAIT), (5, LifecycleOp.GERMINATE)])
def test_a_scripted_decision_is_made_from_its_epoch_on(epoch, op):
    birth = script(5, LifecycleOp.GERMINATE, blueprint=Blueprint.NORM)
    assert decide(ScheduleController(Schedule(decisions=(birth,))), epoch=epoch).op == op


def test_a_scripted_decision_is_made_once():
    birth = script(5, LifecycleOp.GERMINATE, blueprint=Blueprint.NORM)
    controller = ScheduleController(Schedule(decisions=(birth,)))
    ops = [decide(controller).op for _ in range(2)]
    assert ops == [LifecycleOp.GERMINATE, LifecycleOp.WAIT]


def test_a_waiting_decision_holds_back_the_later_ones_of_its_slot_only():
    decisions = (
        script(1, LifecycleOp.ADVANCE),
        script(2, LifecycleOp.PRUNE),
        script(3, LifecycleOp.PRUNE, "r0c1"),
    )
    controller = ScheduleController(Schedule(decisions=decisions))
    stuck = grown("r0c0", SeedStage.TRAINING, gate_passed=False)
    other = grown("r0c1", SeedStage.TRAINING)
    assert decide(controller, stuck, other).slot_id == "r0c1"
    assert decide(controller, stuck, other).op == LifecycleOp.WAIT
    assert decide(controller, grown("r0c0", SeedStage.TRAINING), other).op == LifecycleOp.ADVANCE


def test_a_scripted_wait_takes_the_place_of_a_planned_step():
    schedule = Schedule(seeds=(plan(),), decisions=(script(5, LifecycleOp.WAIT, None),))
    controller = ScheduleController(schedule)
    ops = [decide(controller).op for _ in range(2)]
    assert ops == [LifecycleOp.WAIT, LifecycleOp.GERMINATE]


def test_a_retarget_keeps_the_style_of_the_seed():
    retarget = script(5, LifecycleOp.SET_ALPHA_TARGET, alpha_target=AlphaTarget.HALF)
    seed = grown("r0c0", SeedStage.HOLDING, style=Style.LINEAR_MULTIPLY)
    decision = decide(ScheduleController(Schedule(decisions=(retarget,))), seed)
    assert decision.op == LifecycleOp.SET_ALPHA_TARGET
    assert (decision.style, decision.alpha_target) == (Style.LINEAR_MULTIPLY, AlphaTarget.HALF)


def test_a_retarget_can_change_the_style():
    speed = AlphaSpeed.FAST
    retarget = script(5, LifecycleOp.SET_ALPHA_TARGET, style=Style.GATED_GATE, alpha_speed=speed)
    controller = ScheduleController(Schedule(decisions=(retarget,)))
    decision = decide(controller, grown("r0c0", SeedStage.HOLDING))
    assert (decision.style, decision.alpha_speed) == (Style.GATED_GATE, speed)


def test_a_prune_can_take_its_time():
    prune = script(5, LifecycleOp.PRUNE, alpha_speed=AlphaSpeed.SLOW)
    controller = ScheduleController(Schedule(decisions=(prune,)))
    decision = decide(controller, grown("r0c0", SeedStage.HOLDING))
    assert (decision.op, decision.alpha_speed) == (LifecycleOp.PRUNE, AlphaSpeed.SLOW)


def test_noop_cannot_be_planted():
    with pytest.raises(ScheduleError, match="blueprint must be something to build, got NOOP"):
        plan(blueprint=Blueprint.NOOP)


def test_two_births_name_the_source_and_the_second_entry():
    with pytest.raises(ScheduleError, match=r"a search, seed 2: germinate .* got 1 twice"):
        Schedule(seeds=(plan(), plan()), source="a search")


@pytest.mark.parametrize("entry", [plan("r0c7"), script(1, LifecycleOp.PRUNE, "r0c7")])
def test_a_slot_the_host_does_not_have_is_refused_before_training(entry):
    is_plan = isinstance(entry, SeedPlan)
    schedule = Schedule(seeds=(entry,)) if is_plan else Schedule(decisions=(entry,))
    with pytest.raises(ScheduleError, match=r" 1: slot must be one of r0c0, got 'r0c7'"):
        check_schedule(schedule, build_host_report(), decision_epochs=50)


def test_a_blueprint_that_does_not_fit_the_slot_is_refused_before_training():
    schedule = Schedule(seeds=(plan(blueprint=Blueprint.MLP),))
    with pytest.raises(ScheduleError, match=r"at r0c0 must be one of CONV_LIGHT, .* got MLP"):
        check_schedule(schedule, build_host_report(), decision_epochs=50)


def test_a_slot_where_nothing_fits_is_refused_before_training():
    host = build_host_report(build_slot_report(blueprint_parameters={}))
    with pytest.raises(ScheduleError, match=r"must be one of nothing, got NORM"):
        check_schedule(Schedule(seeds=(plan(),)), host, decision_epochs=50)


@pytest.mark.parametrize(("budget", "fits"), [(1019, False), (1020, True)])
def test_a_blueprint_over_the_whole_budget_is_refused_before_training(budget, fits):
    schedule, host = Schedule(seeds=(plan(),)), build_host_report(max_parameters=budget)
    if fits:
        check_schedule(schedule, host, decision_epochs=50)
        return
    with pytest.raises(ScheduleError, match=r"at most 19 parameters .* got NORM with 20"):
        check_schedule(schedule, host, decision_epochs=50)


def test_the_controller_gives_its_schedule_back_for_the_check():
    schedule = Schedule(seeds=(plan(),))
    controller = ScheduleController(schedule)
    decide(controller, build_slot_report())
    assert controller.schedule == schedule


def test_a_schedule_that_fits_passes_the_check():
    waiting = script(1, LifecycleOp.WAIT, None)
    schedule = Schedule(seeds=(plan(),), decisions=(waiting, script(9, LifecycleOp.PRUNE)))
    check_schedule(schedule, build_host_report(), decision_epochs=50)


@given(st.lists(st.tuples(training_signals(), host_reports()), min_size=1, max_size=6))
def test_every_decision_is_legal_whatever_the_host(course):
    decisions = (script(4, LifecycleOp.PRUNE), script(2, LifecycleOp.SET_ALPHA_TARGET))
    schedule = Schedule(seeds=(plan(), plan(germinate=9, prune=20)), decisions=decisions)
    controller = ScheduleController(schedule)
    for signals, host in course:
        assert is_legal(host, controller.decide(signals, host))


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (plan(germinate=51), "germinate"),
        (plan(germinate=2, fossilize=51), "fossilize"),
        (plan(germinate=2, prune=51), "prune"),
        (script(51, LifecycleOp.PRUNE), "epoch"),
    ],
)
def test_an_epoch_after_the_last_decision_is_refused_before_training(entry, field):
    is_plan = isinstance(entry, SeedPlan)
    schedule = Schedule(seeds=(entry,)) if is_plan else Schedule(decisions=(entry,))
    with pytest.raises(ScheduleError, match=rf"{field} must be at most 50, .* got 51"):
        check_schedule(schedule, build_host_report(), decision_epochs=50)

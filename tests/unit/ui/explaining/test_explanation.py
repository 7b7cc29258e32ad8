from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from tamiyo.contracts import FieldMove, Head
from tamiyo.telemetry import explain_decision, find_course
from tamiyo.ui import render_explanation
from tests.support.events import BITS, build_evidence, build_run
from tests.support.explained import build_episodes, encode

RUN = find_course(encode(build_run()), epoch=1)
EPISODE = find_course(encode(build_episodes()), epoch=1)


def show(explanation, *, width=100, meaning=lambda _: ""):
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(render_explanation(explanation, meaning))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


PAGE = """\
digits-cnn, the controller in training, seed 11, environment 0, episode 1: the decision for epoch 12
of 60
decided    GERMINATE in r0c0: blueprint norm, style linear_add, tempo fast, alpha target half
reason     plateau for 3 epochs
before it  control accuracy 67.8 % after epoch 11, 8,554 parameters
expected   +1.25 points of reward from here on, discounted

What was legal
slot                   legal besides WAIT  why no more
───────────────────────────────────────────────────────
r0c0 free              GERMINATE
r0c1 conv_light TRAIN  PRUNE
r0c2 free              GERMINATE

How probable each choice was
head          chosen      probability  other legal choices
───────────────────────────────────────────────────────────
op            GERMINATE        25.0 %  WAIT 75.0 %
slot          r0c0                  -  -
blueprint     NORM                  -  -
style         LINEAR_ADD            -  -
tempo         FAST                  -  -
alpha target  HALF                  -  -

What moved most since the decision before, as the controller saw it
field             before    now  change  meaning
──────────────────────────────────────────────────────────────────
control_accuracy   0.500  0.750  +0.250  what control_accuracy is
control_loss       0.500  0.400  -0.100  what control_loss is

What followed
epoch 12  r0c0-1-norm planted, 32 parameters
epoch 12  r0c0: free → GERMINATED, alpha 0.00
epoch 13  r0c0: GERMINATED → TRAINING, alpha 0.00

epoch  decided    accuracy  change  param.  r0c0   contribution  reward
────────────────────────────────────────────────────────────────────────
   12  GERMINATE    70.2 %    +2.4   8,586  GERM              -   +1.25
   13  ADVANCE      71.8 %    +4.0   8,586  TRAIN             -   +1.25
   14  WAIT         74.7 %    +6.9   8,586  TRAIN             -   +1.25
change: against what epoch 11 had measured; contribution and reward in points
in the end, epoch 20: r0c0-1-norm removed by the controller, contribution -0.6 ± 0.7 points
(contribution below zero for 3 epochs)"""


def test_a_decision_is_explained_on_one_page():
    told = explain_decision(EPISODE, epoch=12, after=3)
    assert show(told, meaning=lambda field: f"what {field} is") == PAGE


def test_what_nobody_recorded_is_unknown():
    page = show(explain_decision(RUN, epoch=12))
    assert "expected   unknown: nobody recorded what the decision was made from" in page
    assert "unknown: this controller tells no probabilities" in page
    assert "unknown: nobody recorded the observation" in page
    assert "reward\n" not in page


def test_a_rule_based_controller_expects_no_number():
    told = explain_decision(RUN, epoch=12)
    evidence = replace(build_evidence(), value=None, probabilities={}, moved=())
    page = show(replace(told, decision=replace(told.decision, evidence=evidence)))
    assert "expected   unknown: this controller expects no number" in page
    assert "nothing, or there was no decision before" in page


def test_waiting_is_explained_without_a_slot():
    page = show(explain_decision(RUN, epoch=11, after=1))
    assert "decided    WAIT: change nothing" in page
    assert "reason     none given" in page
    assert "nothing happened to any seed in these epochs" in page
    assert "in the end" not in page


def test_a_refused_decision_says_why():
    told = explain_decision(RUN, epoch=8)
    decision = replace(told.decision, action_valid=False, refusal="slot must be one of r0c1 here")
    page = show(replace(told, decision=decision))
    assert "refused    slot must be one of r0c1 here; it became WAIT" in page


def test_choices_that_are_many_are_summed_up():
    told = explain_decision(RUN, epoch=12)
    shares = {"NORM": 0.4, "A": 0.3, "B": 0.15, "C": 0.1, "D": 0.0001, "E": 0.03, "F": 0.0199}
    evidence = replace(build_evidence(), probabilities={Head.BLUEPRINT: shares})
    course = replace(
        RUN,
        events=tuple(
            replace(event, evidence=evidence) if event is told.decision else event
            for event in RUN.events
        ),
    )
    page = show(explain_decision(course, epoch=12))
    assert "40.0 %  A 30.0 %, B 15.0 %, C 10.0 %, E 3.0 %, 2 more 2.0 %" in page


def test_a_closed_slot_and_a_ramp_are_reasons():
    page = show(explain_decision(RUN, epoch=22), width=120)
    assert "closed after a prune for 4 more decisions" in page
    assert "alpha is on its way" in show(explain_decision(RUN, epoch=17), width=120)


def test_what_a_slot_lacks_is_said():
    told = explain_decision(RUN, epoch=30)
    page = show(told, width=120)
    assert "part of the host for good" in page
    (options,) = (one for one in told.slots if one.slot.slot_id == "r0c2")
    young = replace(options.slot, seed=replace(options.slot.seed, age_epochs=1))
    full = replace(told.slots[0], ops=())
    page = show(replace(told, slots=(full, replace(options, slot=young))), width=120)
    assert "too young to prune: 1 of 2" in page
    assert "no blueprint fits here or into the budget" in page


def test_epochs_that_the_log_does_not_reach_are_unknown():
    course = find_course(encode(build_run(epochs=9, is_finished=False)), epoch=8)
    page = show(explain_decision(course, epoch=8, after=3))
    assert "   10  -                 -       -       -  -                 -" in page
    assert "unknown, the log does not tell how r0c1-1-conv_light ended" in page


def test_another_metric_is_shown_in_its_own_unit():
    course = find_course(encode(build_run(metric=BITS)), epoch=1)
    page = show(explain_decision(course, epoch=1, after=1))
    assert "bits per byte, lower is better" in page
    assert "control bits per byte 7.184 after epoch 0" in page
    assert "against the untrained host" in page


def test_numbers_stay_whole_on_a_narrow_console():
    page = show(explain_decision(EPISODE, epoch=12, after=3), width=80)
    assert "…" not in page
    assert max(len(line) for line in page.splitlines()) <= 80


def test_a_move_is_shown_as_the_controller_saw_it():
    told = explain_decision(RUN, epoch=12)
    move = FieldMove(field="r0c0.alpha", before=0.0, after=-0.5)
    evidence = replace(build_evidence(), moved=(move,))
    page = show(replace(told, decision=replace(told.decision, evidence=evidence)))
    assert "r0c0.alpha   0.000  -0.500  -0.500" in page


def test_a_choice_that_is_all_but_ruled_out_is_not_zero():
    told = explain_decision(RUN, epoch=12)
    heads = tuple(
        replace(choice, probabilities=(("NORM", 0.9999), ("MLP", 0.0001)))
        if choice.head == Head.BLUEPRINT
        else choice
        for choice in told.heads
    )
    assert "100.0 %  MLP <0.1 %" in show(replace(told, heads=heads))

"""LifecycleRecorder: each thing that happens to a seed is told once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tamiyo.contracts import (
    AlphaSpeed,
    GateEvaluated,
    GateLevel,
    Initiator,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedStage,
    StageChanged,
    Style,
)
from tests.support.hosts import (
    advance,
    build_model,
    build_retarget,
    fossilize,
    germinate,
    measure,
    pass_epoch,
    prune,
    walk_to,
)


class Listener:
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def build_heard():
    listener = Listener()
    return build_model(sink=listener, environment=4), listener


def name_of(stage):
    return None if stage is None else stage.name


def steps_of(listener):
    return [name_of(event.to_stage) for event in listener.of(StageChanged)]


def test_a_whole_life_is_told_step_by_step():
    model, listener = build_heard()
    walk_to(model, SeedStage.FOSSILIZED)
    assert steps_of(listener) == [
        "GERMINATED",
        "TRAINING",
        "BLENDING",
        "HOLDING",
        "FOSSILIZED",
    ]
    assert len(listener.of(SeedGerminated)) == len(listener.of(SeedFossilized)) == 1


def test_steps_join_and_name_seed_slot_and_environment():
    model, listener = build_heard()
    walk_to(model, SeedStage.HOLDING)
    prune(model)
    for _ in range(6):
        pass_epoch(model)
    changes = listener.of(StageChanged)
    joints = pairwise(changes)
    assert all(one.to_stage == two.from_stage for one, two in joints)
    assert {(c.slot_id, c.seed_id, c.environment) for c in changes} == {("r0c0", "r0c0-1-norm", 4)}
    assert steps_of(listener)[-4:] == ["PRUNED", "EMBARGOED", "RESETTING", None]
    epochs = [change.epoch for change in changes]
    assert epochs == sorted(epochs)


def test_a_step_tells_the_epochs_spent_in_the_stage_left():
    model, listener = build_heard()
    germinate(model)
    for _ in range(3):
        pass_epoch(model)
    advance(model)
    assert [event.epochs_in_stage for event in listener.of(StageChanged)] == [0, 3]


@pytest.mark.requirement("8.4")
def test_a_birth_tells_command_and_size():
    model, listener = build_heard()
    germinate(model, style=Style.GATED_GATE)
    (event,) = listener.of(SeedGerminated)
    assert event.parameters == model.slots["r0c0"].seed.parameters
    assert event.command.style == Style.GATED_GATE
    assert (event.epoch, event.environment, event.slot_id) == (1, 4, "r0c0")


def test_a_commitment_tells_what_the_seed_was_worth():
    model, listener = build_heard()
    walk_to(model, SeedStage.HOLDING)
    pass_epoch(model, measure(points=7.0), accuracy=58.0)
    fossilize(model, reason="worth keeping")
    (event,) = listener.of(SeedFossilized)
    assert (event.contribution.points, event.improvement_points) == (7.0, 8.0)
    assert (event.alpha, event.reason) == (1.0, "worth keeping")
    assert event.parameters == 12


def test_a_prune_tells_how_the_seed_stood():
    model, listener = build_heard()
    walk_to(model, SeedStage.HOLDING)
    age = model.slots["r0c0"].seed.age_epochs
    prune(model, speed=AlphaSpeed.INSTANT)
    (event,) = listener.of(SeedPruned)
    assert (event.age_epochs, event.parameters) == (age, 12)
    assert event.contribution.points == 5.0
    assert event.initiator == Initiator.CONTROLLER


def test_a_gate_is_told_when_its_answer_changes_and_only_then():
    model, listener = build_heard()
    walk_to(model, SeedStage.HOLDING)
    for points in (0.1, 0.2, 5.0, 6.0):
        pass_epoch(model, measure(points=points))
    told = [(event.verdict.gate, event.verdict.passed) for event in listener.of(GateEvaluated)]
    assert told[:2] == [(GateLevel.G1, True), (GateLevel.G2, False)]
    assert told[-3:] == [(GateLevel.G5, True), (GateLevel.G5, False), (GateLevel.G5, True)]
    assert all(one != two for one, two in pairwise(told))


def test_the_gates_of_the_next_seed_are_told_anew():
    model, listener = build_heard()
    for _ in range(2):
        germinate(model)
        for _ in range(2):
            pass_epoch(model)
        prune(model)
        for _ in range(6):
            pass_epoch(model)
    told = [event.seed_id for event in listener.of(GateEvaluated)]
    assert told == ["r0c0-1-norm", "r0c0-2-norm"]


def test_nothing_is_told_about_a_refused_command():
    model, listener = build_heard()
    walk_to(model, SeedStage.HOLDING)
    count = len(listener.events)
    assert not germinate(model).executed
    assert not model.apply_command(build_retarget(target=2)).executed
    assert len(listener.events) == count

from __future__ import annotations

import gc
import math
from copy import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from tamiyo.contracts import (
    ACCURACY,
    ConfigError,
    DecisionMade,
    EpochCompleted,
    GateEvaluated,
    GateLevel,
    Initiator,
    InvariantError,
    LifecycleConfig,
    LifecycleOp,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedStage,
    SlotIdError,
    StageChanged,
    TamiyoDecision,
    build_action_spec,
    legal_choices,
)
from tamiyo.engine import measure_fossils
from tamiyo.model import CommandOutcome
from tamiyo.tasks import CLASSIFICATION
from tests.support.tasks import (
    EAGER,
    TINY,
    WAIT,
    ListSink,
    act,
    build_noisy_host,
    build_tiny_host,
    germinate,
    make_member,
    make_worthy,
)

RAMPED = replace(EAGER, ramp=True)


def draw_decision(report, random):
    """Choose head by head among what is legal, as a controller does."""
    chosen = {}
    for head in build_action_spec(report.slot_ids).names:
        flags = legal_choices(report, head, chosen)
        legal = [index for index, allowed in enumerate(flags) if allowed]
        chosen[head] = legal[int(torch.randint(len(legal), (1,), generator=random))]
    return TamiyoDecision.from_action(tuple(chosen.values()), report.slot_ids)


def grow_everything(sink=None, lifecycle=EAGER):
    """A member with a fossil, a blended seed and a germinated one."""
    member = make_member(sink=sink, lifecycle=lifecycle)
    for command in (
        germinate("r0c0"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        germinate("r0c1"),
        act(LifecycleOp.ADVANCE, "r0c1"),
        germinate("r0c2"),
    ):
        assert member.step(command).refusal is None
    make_worthy(member)
    assert member.step(act(LifecycleOp.FOSSILIZE)).refusal is None
    return member


def stages(member):
    return [slot.stage for slot in member.model.slots.values()]


ILLEGAL = [
    germinate("r0c0"),
    act(LifecycleOp.ADVANCE, "r0c1"),
    act(LifecycleOp.PRUNE, "r0c0"),
    act(LifecycleOp.FOSSILIZE, "r0c0"),
]


@pytest.mark.parametrize("command", ILLEGAL, ids=lambda command: command.op.name)
@pytest.mark.requirement("4.2")
def test_an_illegal_command_becomes_wait_and_changes_nothing(command):
    sink = ListSink()
    lifecycle = replace(EAGER, min_prune_age_epochs=2)
    refused, waited = (
        make_member(build_noisy_host, lifecycle=lifecycle, sink=s) for s in (sink, None)
    )
    for member in (refused, waited):
        member.step(germinate("r0c0"))
    refusal = refused.step(command)
    expected = waited.step(WAIT)
    assert refusal.refusal
    assert (refusal.measured, refusal.host) == (expected.measured, expected.host)
    ours, theirs = refused.model.state_dict(), waited.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    valid = [(event.action_valid, event.refusal) for event in sink.of(DecisionMade)]
    assert valid == [(True, None), (False, refusal.refusal)]


def test_an_illegal_command_draws_from_no_generator():
    member = make_member()
    member.step(germinate("r0c0"))
    before = {name: g.get_state() for name, g in member.generators.items()}
    assert not member.model.apply_command(germinate("r0c0")).executed
    for name, generator in member.generators.items():
        assert torch.equal(generator.get_state(), before[name])


def test_a_slot_that_does_not_exist_is_the_callers_mistake():
    with pytest.raises(SlotIdError, match="r0c0, r0c1, r0c2, got 'r9c9'"):
        make_member().step(germinate("r9c9"))


def test_no_decision_is_no_decision_event_and_trains_as_waiting_does():
    sink = ListSink()
    silent, waiting = make_member(sink=sink), make_member()
    assert silent.step(None).measured == waiting.step(WAIT).measured
    assert not sink.of(DecisionMade)


def test_every_epoch_is_told_once_with_what_the_step_returned():
    sink = ListSink()
    member = make_member(sink=sink)
    steps = [member.step(command) for command in (WAIT, germinate(), None)]
    told = [(event.measured, event.host) for event in sink.of(EpochCompleted)]
    assert told == [(step.measured, step.host.without_tables()) for step in steps]


@pytest.mark.requirement("1.2", "3.1")
def test_masks_and_execution_that_disagree_are_found():
    member = make_member()
    member.model.apply_command = lambda _command: CommandOutcome(executed=False, refusal="no")
    with pytest.raises(InvariantError, match=r"got None and CommandOutcome\(executed=False"):
        member.step(WAIT)


@pytest.mark.parametrize("lifecycle", [LifecycleConfig(incubate=True), EAGER, RAMPED])
@pytest.mark.requirement("8.2")
def test_sixty_epochs_of_random_legal_decisions_keep_every_promise(lifecycle):
    sink = ListSink()
    member = make_member(build_noisy_host, lifecycle=lifecycle, sink=sink)
    random = torch.Generator().manual_seed(5)
    report = member.model.report()
    for epoch in range(1, 61):
        step = member.step(draw_decision(report, random).to_command())
        report = step.host
        assert step.refusal is None
        assert report.epoch == epoch + 1
    ops = {event.command.op for event in sink.of(DecisionMade)}
    assert {LifecycleOp.GERMINATE, LifecycleOp.ADVANCE, LifecycleOp.PRUNE} <= ops


def test_the_first_report_is_the_validation_before_training():
    initial = make_member().initial
    assert (initial.epoch, initial.train_loss, initial.train_accuracy) == (0, None, None)
    assert initial.control_loss == pytest.approx(math.log(3), rel=0.2)
    assert initial.multiply_adds == 0


def test_a_measured_contribution_reaches_the_report_and_its_age_is_counted():
    member = grow_everything()
    seeds = [slot.seed for slot in member.step(WAIT).host.slots]
    assert seeds[1].contribution is not None
    assert seeds[1].contribution_velocity is not None
    assert [seed.epochs_since_counterfactual for seed in seeds] == [2, 0, None]
    assert seeds[2].contribution is None


def test_closing_ramps_every_uncommitted_seed_out_and_leaves_two_epochs_to_adapt():
    sink = ListSink()
    member = grow_everything(sink)
    member.begin_closing()
    alphas = []
    for _ in range(TINY.closing_epochs):
        report = member.step(None).host
        seed = report.slot("r0c1").seed
        alphas.append(None if seed is None else round(seed.alpha.alpha, 3))
    assert alphas == [0.667, 0.333, None, None, None]
    assert stages(member) == [SeedStage.FOSSILIZED, None, None]
    assert [(e.slot_id, e.initiator, e.epoch) for e in sink.of(SeedPruned)] == [
        ("r0c2", Initiator.CLOSING, 8),
        ("r0c1", Initiator.CLOSING, 10),
    ]


@pytest.mark.parametrize("closing_epochs", [0, 1, 2])
def test_closing_without_time_to_ramp_removes_at_once(closing_epochs):
    member = make_member(config=replace(TINY, closing_epochs=closing_epochs))
    member.step(germinate())
    member.step(act(LifecycleOp.ADVANCE))
    member.begin_closing()
    assert stages(member) == [None] * 3
    assert not member.model.seeds


@pytest.mark.parametrize("closing_epochs", [3, 5, 9])
def test_at_the_end_of_closing_the_network_is_the_committed_one(closing_epochs):
    member = make_member(config=replace(TINY, closing_epochs=closing_epochs), lifecycle=RAMPED)
    for command in (germinate("r0c0"), act(LifecycleOp.ADVANCE), germinate("r0c1")):
        member.step(command)
    member.begin_closing()
    for _ in range(closing_epochs):
        measured = member.step(None).measured
    assert measured.control_accuracy == measured.committed_accuracy
    assert member.model.count_parameters() == member.model.count_parameters(committed_only=True)
    member.optimizer.check_membership()


def test_judging_an_interrupted_member_switches_live_seeds_off():
    member = grow_everything()
    test = member.data.test
    final = member.judge()
    committed, worth = measure_fossils(member.model, test, CLASSIFICATION, ACCURACY)
    assert (final.test_accuracy, final.test_loss) == (committed.accuracy, committed.loss)
    assert final.contributions == worth
    assert list(worth) == ["r0c0-1-conv_light"]
    assert final.parameters == 85 + member.model.slots["r0c0"].seed.parameters
    member.model.ramp_out_uncommitted(0, initiator=Initiator.CLOSING, reason="test")
    assert member.judge() == final


def test_nothing_before_the_final_report_looks_at_the_test_split():
    member, other = grow_everything(), grow_everything()
    member.data = copy(member.data)
    member.data.test = None
    assert member.step(WAIT) == other.step(WAIT)


def test_judging_changes_nothing():
    member, other = grow_everything(), grow_everything()
    member.judge()
    assert member.step(WAIT) == other.step(WAIT)


def test_a_whole_life_emits_each_event_once_and_in_order():
    sink = ListSink()
    lenient = LifecycleConfig(
        incubate=True, min_fossilize_contribution=0.0, contribution_errors=0.0
    )
    member = make_member(sink=sink, lifecycle=lenient)
    advance = act(LifecycleOp.ADVANCE)
    for command in (germinate(), advance, None, advance, None, None, advance):
        assert member.step(command).refusal is None
    make_worthy(member)
    assert member.step(act(LifecycleOp.FOSSILIZE)).refusal is None
    member.step(None)
    told = [
        getattr(event, "to_stage", type(event))
        for event in sink.events
        if isinstance(event, StageChanged | SeedGerminated | SeedFossilized | SeedPruned)
    ]
    assert told == [
        SeedStage.GERMINATED,
        SeedGerminated,
        SeedStage.TRAINING,
        SeedStage.BLENDING,
        SeedStage.HOLDING,
        SeedStage.FOSSILIZED,
        SeedFossilized,
    ]
    assert len(sink.of(DecisionMade)) == 5
    passed = [e.verdict.gate for e in sink.of(GateEvaluated) if e.verdict.passed]
    assert passed[:3] == [GateLevel.G1, GateLevel.G2, GateLevel.G3]


def test_a_life_that_ends_early_emits_each_event_once_and_in_order():
    sink = ListSink()
    member = make_member(
        sink=sink, lifecycle=LifecycleConfig(incubate=True, embargo_epochs_after_prune=3)
    )
    for command in (germinate(), act(LifecycleOp.ADVANCE), act(LifecycleOp.PRUNE), *[None] * 4):
        assert member.step(command).refusal is None
    assert [event.to_stage for event in sink.of(StageChanged)] == [
        SeedStage.GERMINATED,
        SeedStage.TRAINING,
        SeedStage.PRUNED,
        SeedStage.EMBARGOED,
        SeedStage.RESETTING,
        None,
    ]
    assert len(sink.of(SeedPruned)) == len(sink.of(SeedGerminated)) == 1


def take_stock(member):
    gc.collect()
    return {
        "parameters": sum(p.numel() for p in member.model.parameters()),
        "hooks": sum(
            len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
            for m in member.model.modules()
        ),
        "moments": len(member.optimizer.optimizer.state),
        "groups": len(member.optimizer.optimizer.param_groups),
        "structures": len(member.work._per_sample),
        "tensors": sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()),
    }


def test_two_hundred_seeds_come_and_go_without_a_trace():
    member = make_member(config=replace(TINY, max_epochs=1000), check_invariants=False)

    def cycle():
        for command in (germinate(), act(LifecycleOp.ADVANCE), act(LifecycleOp.PRUNE)):
            member.step(command)

    for _ in range(5):
        cycle()
    before, objects = take_stock(member), len(gc.get_objects())
    for _ in range(200):
        cycle()
    after = take_stock(member)
    assert after == before
    assert len(gc.get_objects()) - objects < 50
    assert stages(member) == [None] * 3


@pytest.mark.parametrize("classes", [2, 5])
def test_a_host_with_another_number_of_classes_is_refused(classes):
    def build():
        host = build_tiny_host()
        host[-1][-1] = nn.Linear(8, classes)
        return host

    with pytest.raises(ConfigError, match=rf"for the 3 classes of task .*, got \[.*, {classes}\]"):
        make_member(build)


def test_a_prune_tells_the_alpha_that_was_lost():
    sink = ListSink()
    member = make_member(sink=sink)
    for command in (germinate(), act(LifecycleOp.ADVANCE), act(LifecycleOp.PRUNE)):
        assert member.step(command).refusal is None
    stages = [event for event in sink.events if isinstance(event, StageChanged)]
    (pruned,) = [event for event in stages if event.to_stage == SeedStage.PRUNED]
    assert pruned.alpha == 1.0


def test_a_decision_is_recorded_before_what_it_does():
    sink = ListSink()
    make_member(sink=sink).step(germinate())
    names = [type(event).__name__ for event in sink.events]
    assert names.index("DecisionMade") < names.index("StageChanged")

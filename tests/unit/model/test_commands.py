"""Growth: handlers keep the registry of seed modules, their names, and who asked, in step."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    Blueprint,
    Initiator,
    InvariantError,
    LifecycleOp,
    SeedPruned,
    SeedStage,
    Style,
)
from tamiyo.model import attach
from tests.support.hosts import (
    SLOTS,
    Listener,
    advance,
    build_batch,
    build_host,
    build_model,
    build_retarget,
    build_seeded,
    germinate,
    pass_epoch,
    prune,
    walk_to,
)


def test_the_registry_of_modules_follows_the_slots():
    model = build_model()
    walk_to(model, SeedStage.HOLDING)
    germinate(model, "r0c1")
    assert set(model.seeds) == {"r0c0", "r0c1"}
    assert model.seeds["r0c0"] is model.slots["r0c0"].seed.module
    prune(model)
    assert set(model.seeds) == {"r0c1"}


def test_seeds_are_named_by_slot_number_and_blueprint():
    model = build_model()
    names = []
    for blueprint in (Blueprint.NORM, Blueprint.CONV_SMALL):
        assert germinate(model, blueprint=blueprint).executed
        names.append(model.slots["r0c0"].seed.seed_id)
        pass_epoch(model)
        pass_epoch(model)
        assert prune(model).executed
        for _ in range(6):
            pass_epoch(model)
    assert names == ["r0c0-1-norm", "r0c0-2-conv_small"]


def test_new_weights_come_from_the_owned_generator_only():
    before = torch.random.get_rng_state()
    models = [build_model(seed=4), build_model(seed=4)]
    for model in models:
        germinate(model, blueprint=Blueprint.CONV_LIGHT, style=Style.GATED_GATE)
    pairs = zip(*(model.seeds.parameters() for model in models), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("speed", [AlphaSpeed.INSTANT, AlphaSpeed.FAST])
@pytest.mark.parametrize("initiator", list(Initiator))
@pytest.mark.requirement("8.4")
def test_a_prune_is_told_once_with_who_asked_and_why(speed, initiator):
    listener = Listener()
    model = attach(build_host(), SLOTS, build_batch()[0], generator=build_seeded(), sink=listener)
    walk_to(model, SeedStage.HOLDING)
    command = AdaptationCommand(
        op=LifecycleOp.PRUNE,
        slot_id="r0c0",
        alpha_speed=speed,
        reason="harmful",
        initiator=initiator,
    )
    assert model.apply_command(command).executed
    for _ in range(5):
        pass_epoch(model)
    told = [event for event in listener.events if isinstance(event, SeedPruned)]
    assert [(event.initiator, event.reason) for event in told] == [(initiator, "harmful")]


@pytest.mark.parametrize(
    ("op", "blueprint", "message"),
    [
        (LifecycleOp.GERMINATE, None, "GERMINATE must carry a Blueprint, got none"),
        (LifecycleOp.PRUNE, None, "slot r0c1 must hold a seed, got stage None"),
    ],
)
def test_growth_itself_takes_whole_and_legal_commands_only(op, blueprint, message):
    command = AdaptationCommand(op=op, slot_id="r0c1", blueprint=blueprint)
    with pytest.raises(InvariantError, match=message):
        build_model()._growth.execute(command, 1)


def test_a_gate_that_is_still_needed_stays():
    model = build_model()
    walk_to(model, SeedStage.TRAINING, style=Style.GATED_GATE)
    assert model.slots["r0c0"].seed.module.gate is not None
    advance(model)
    pass_epoch(model)
    assert model.slots["r0c0"].seed.module.gate is not None


@pytest.mark.parametrize(
    ("speed", "initiator"),
    [(AlphaSpeed.FAST, Initiator.CONTROLLER), (AlphaSpeed.SLOW, Initiator.CLOSING)],
)
def test_a_seed_that_leaves_in_time_keeps_its_own_way_out_at_the_end(speed, initiator):
    sink = Listener()
    model = build_model(sink=sink)
    walk_to(model, SeedStage.HOLDING)
    assert prune(model, speed=speed).executed
    model.ramp_out_uncommitted(3, initiator=Initiator.CLOSING, reason="closing")
    for _ in range(3):
        pass_epoch(model)
    (pruned,) = [event for event in sink.events if isinstance(event, SeedPruned)]
    assert pruned.initiator == initiator


@pytest.mark.parametrize(
    ("move", "device", "dtype"),
    [
        (lambda model: model, "cpu", torch.float32),
        (lambda model: model.double(), "cpu", torch.float64),
        (lambda model: model.bfloat16(), "cpu", torch.bfloat16),
        (lambda model: model.to("meta"), "meta", torch.float32),
    ],
)
@pytest.mark.parametrize("path", ["2", "0"])
def test_seeds_are_born_where_their_slot_is_now(move, device, dtype, path):
    model = move(build_model(slots={"r0c0": path}))
    germinate(model, blueprint=Blueprint.CONV_LIGHT, style=Style.GATED_GATE)
    parameters = list(model.seeds.parameters())
    assert {(p.device.type, p.dtype) for p in parameters} == {(device, dtype)}


def test_a_gate_that_comes_later_is_of_its_slots_dtype():
    model = build_model()
    walk_to(model.double(), SeedStage.HOLDING)
    assert model.apply_command(build_retarget(style=Style.GATED_GATE)).executed
    assert {p.dtype for p in model.seeds.parameters()} == {torch.float64}


@pytest.mark.parametrize("training", [True, False])
def test_a_seed_is_born_in_the_mode_of_its_host(training):
    model = build_model().train(training)
    germinate(model)
    assert model.seeds["r0c0"].training == training

"""TamiyoModel: attaching changes nothing, and a command does all or nothing."""

from __future__ import annotations

import copy
from dataclasses import fields
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaMode,
    AlphaSpeed,
    Blueprint,
    ConfigError,
    Initiator,
    LifecycleConfig,
    LifecycleOp,
    SeedReport,
    SeedStage,
    SlotIdError,
    SlotReport,
    Style,
    TamiyoDecision,
    Tempo,
    find_refusal,
    legal_ops,
)
from tamiyo.model import HOST_OWNER, SeedMeasurement, attach
from tests.support.awkward_hosts import Called, draw
from tests.support.hosts import (
    SLOTS,
    Listener,
    advance,
    build_batch,
    build_host,
    build_model,
    build_retarget,
    build_seeded,
    fossilize,
    germinate,
    measure,
    pass_epoch,
    prune,
    state_of,
    walk_to,
)

COOLING = "cooling"
SITUATIONS = [
    None,
    SeedStage.GERMINATED,
    SeedStage.TRAINING,
    SeedStage.BLENDING,
    SeedStage.HOLDING,
    SeedStage.FOSSILIZED,
    COOLING,
]
GRID = [(situation, op) for situation in SITUATIONS for op in LifecycleOp]


def build_in(situation):
    """A model whose slot r0c0 is in a situation and whose slot r0c1 is free."""
    generator = build_seeded(9)
    host = build_host()
    model = attach(
        host,
        SLOTS,
        build_batch()[0],
        generator=generator,
        config=LifecycleConfig(incubate=True),
    )
    if situation == COOLING:
        walk_to(model, SeedStage.HOLDING)
        assert prune(model).executed
        pass_epoch(model)
    elif situation is not None:
        walk_to(model, situation)
    return model, generator


def command_for(op):
    """A command whose parameters are legal wherever its op is."""
    germination = {"blueprint": 3, "style": 2} if op == LifecycleOp.GERMINATE else {}
    retarget = {"alpha_target": 0, "alpha_speed": 1} if op == LifecycleOp.SET_ALPHA_TARGET else {}
    slot = {} if op == LifecycleOp.WAIT else {"slot": 0}
    order = ("slot", "blueprint", "style", "tempo", "alpha_target", "alpha_speed", "alpha_curve")
    neutral = (0, 0, 2, 1, 2, 0, 0)
    values = germination | retarget | slot
    action = (op, *(values.get(n, d) for n, d in zip(order, neutral, strict=True)))
    return TamiyoDecision.from_action(action, tuple(SLOTS)).to_command()


def train(network, steps):
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(steps):
        inputs, targets = build_batch(seed=step)
        adam.zero_grad()
        F.cross_entropy(network(inputs), targets).backward()
        adam.step()
    return [tensor.detach().clone() for tensor in network.state_dict().values()]


@pytest.mark.parametrize("wrap", [False, True])
def test_attaching_leaves_parameters_buffers_mode_and_generator_alone(wrap):
    host = build_host(wrap=wrap).train()
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    drawn = torch.random.get_rng_state()
    model = build_model(host)
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert all(torch.equal(t, before[name]) for name, t in host.state_dict().items())
    assert host.training
    assert model.host is host
    assert all(parameter.grad is None for parameter in host.parameters())


@pytest.mark.parametrize("wrap", [False, True])
def test_a_host_that_never_grows_trains_like_the_bare_host_bit_for_bit(wrap):
    bare = train(build_host(wrap=wrap), steps=50)
    attached = train(build_model(wrap=wrap), steps=50)
    assert all(torch.equal(one, two) for one, two in zip(bare, attached, strict=True))


@pytest.mark.parametrize(("situation", "op"), GRID)
@pytest.mark.requirement("4.2")
def test_mask_legality_and_execution_agree_for_every_stage_and_op(situation, op):
    model, _ = build_in(situation)
    report, command = model.report(), command_for(op)
    legal = op in legal_ops(report.slot("r0c0"), report)
    refusal = find_refusal(report, command.to_action(report.slot_ids))
    outcome = model.apply_command(command)
    assert outcome.executed == legal == (refusal is None)
    assert outcome.refusal == refusal


@pytest.mark.parametrize(("situation", "op"), GRID)
@pytest.mark.requirement("4.2")
def test_an_illegal_command_changes_nothing(situation, op):
    model, generator = build_in(situation)
    before, drawn = state_of(model), generator.get_state()
    outside = torch.random.get_rng_state()
    if not model.apply_command(command_for(op)).executed:
        assert state_of(model) == before
    assert op == LifecycleOp.GERMINATE or torch.equal(generator.get_state(), drawn)
    assert torch.equal(torch.random.get_rng_state(), outside)


@pytest.mark.parametrize("op", [op for op in LifecycleOp if op != LifecycleOp.GERMINATE])
def test_a_refused_command_leaves_the_generator_alone(op):
    model, generator = build_in(SeedStage.TRAINING)
    drawn = generator.get_state()
    model.apply_command(command_for(op))
    assert not germinate(model).executed
    assert torch.equal(generator.get_state(), drawn)


def test_wait_changes_nothing():
    model, _ = build_in(SeedStage.HOLDING)
    before = state_of(model)
    assert model.apply_command(AdaptationCommand()).executed
    assert state_of(model) == before


def test_a_command_with_gaps_is_carried_out_with_neutral_choices():
    model, _ = build_in(SeedStage.HOLDING)
    assert model.apply_command(AdaptationCommand(op=LifecycleOp.PRUNE, slot_id="r0c0")).executed
    command = AdaptationCommand(op=LifecycleOp.GERMINATE, slot_id="r0c1", blueprint=3)
    assert model.apply_command(command).executed
    assert model.slots["r0c1"].seed.schedule.style == Style.SIGMOID_ADD


def test_a_command_to_a_slot_that_does_not_exist_is_an_error():
    with pytest.raises(SlotIdError, match="got 'r5c5'"):
        prune(build_model(), "r5c5")


@pytest.mark.parametrize(("age", "executed"), [(0, False), (1, False), (2, True), (3, True)])
@pytest.mark.requirement("0.5")
def test_prune_of_a_young_seed_is_refused(age, executed):
    model = build_model()
    germinate(model)
    for _ in range(age):
        pass_epoch(model)
    outcome = prune(model)
    assert outcome.executed == executed
    assert executed or "got PRUNE (r0c0 GERMINATED" in outcome.refusal


@pytest.mark.parametrize("speed", list(AlphaSpeed), ids=lambda speed: speed.name)
@pytest.mark.parametrize("embargo", [0, 1, 2, 5])
@pytest.mark.requirement("0.6", "4.1")
def test_after_a_prune_germination_is_refused_for_the_whole_embargo_and_then_legal(embargo, speed):
    model = build_model(config=LifecycleConfig(incubate=True, embargo_epochs_after_prune=embargo))
    walk_to(model, SeedStage.HOLDING)
    assert prune(model, speed=speed).executed
    steps = 0
    while model.slots["r0c0"].seed is not None:
        pass_epoch(model)
        steps += 1
    if speed == AlphaSpeed.INSTANT:
        pass_epoch(model)
    assert steps == speed.epochs, "a scheduled prune of n epochs is gone after n"
    refused, stages = 0, []
    while not germinate(model).executed:
        report = model.report().slot("r0c0")
        assert report.cooldown_epochs == embargo - refused
        stages.append(report.stage)
        refused += 1
        pass_epoch(model)
    assert refused == embargo
    assert stages == sorted(stages)


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING])
@pytest.mark.requirement("0.6", "4.1")
def test_the_embargo_holds_after_a_prune_from_any_stage(stage):
    model = build_model()
    walk_to(model, stage)
    assert prune(model).executed
    refusals = []
    for _ in range(6):
        pass_epoch(model)
        refusals.append(germinate(model).executed)
    assert refusals == [False] * 5 + [True]


@pytest.mark.requirement("0.6")
def test_a_free_slot_is_one_without_a_stage():
    model = build_model()
    assert [slot.stage for slot in model.report().slots] == [None, None]
    germinate(model)
    assert [slot.stage for slot in model.report().slots] == [SeedStage.GERMINATED, None]


def test_owners_follow_a_seed_from_planting_to_commitment():
    model = build_model()
    host = len(model.owned_parameters()[HOST_OWNER])
    walk_to(model, SeedStage.HOLDING)
    seed = model.slots["r0c0"].seed
    assert set(model.owned_parameters()) == {HOST_OWNER, seed.seed_id}
    assert model.count_parameters() == model.host_parameters + seed.parameters
    assert model.count_parameters(committed_only=True) == model.host_parameters
    assert fossilize(model).executed
    assert set(model.owned_parameters()) == {HOST_OWNER}
    assert len(model.owned_parameters()[HOST_OWNER]) == host + 3
    assert model.count_parameters(committed_only=True) == model.count_parameters()


def test_a_gate_comes_and_goes_with_its_style_and_is_owned():
    model = build_model()
    walk_to(model, SeedStage.HOLDING, style=Style.LINEAR_ADD)
    bare = model.count_parameters()
    assert model.apply_command(build_retarget(style=Style.GATED_GATE)).executed
    gate = model.report().slot("r0c0").gate_parameters
    assert model.count_parameters() == bare + gate
    owned = {id(p) for ps in model.owned_parameters().values() for p in ps}
    assert owned == {id(p) for p in model.parameters()}
    for _ in range(3):
        pass_epoch(model)
    assert model.apply_command(build_retarget(style=Style.LINEAR_ADD)).executed
    counts = []
    for _ in range(3):
        pass_epoch(model)
        counts.append(model.count_parameters() - bare)
    assert counts == [gate, gate, 0]


@pytest.mark.parametrize("new", list(Style), ids=lambda style: style.name)
@pytest.mark.parametrize("old", list(Style), ids=lambda style: style.name)
@pytest.mark.requirement("0.10")
def test_a_change_of_style_never_jumps(old, new):
    model = build_model().eval()
    walk_to(model, SeedStage.HOLDING, style=old)
    with torch.no_grad():
        model.slots["r0c0"].seed.module.scale.fill_(0.5)
    outputs = [model(build_batch()[0]).detach()]
    assert model.apply_command(build_retarget(style=new, speed=AlphaSpeed.SLOW)).executed
    outputs.append(model(build_batch()[0]).detach())
    for _ in range(8):
        model.tick()
        outputs.append(model(build_batch()[0]).detach())
    steps = [float((b - a).abs().max()) for a, b in pairwise(outputs)]
    whole = float((outputs[-1] - outputs[0]).abs().max())
    assert steps[0] < 1e-5
    assert max(steps) < 0.4 * whole + 1e-5


@pytest.mark.requirement("0.10")
def test_a_style_cannot_change_at_once():
    model, _ = build_in(SeedStage.HOLDING)
    command = build_retarget(style=Style.GATED_GATE, speed=AlphaSpeed.INSTANT)
    before = state_of(model)
    assert "alpha_speed must be one of FAST" in model.apply_command(command).refusal
    assert state_of(model) == before


def test_uncommitted_seeds_ramp_out_and_seeds_without_influence_go_at_once():
    model = build_model()
    walk_to(model, SeedStage.HOLDING, "r0c0")
    germinate(model, "r0c1")
    model.ramp_out_uncommitted(3, initiator=Initiator.CLOSING, reason="closing")
    assert model.slots["r0c1"].stage == SeedStage.PRUNED
    left = []
    for _ in range(3):
        pass_epoch(model)
        left.append(model.slots["r0c0"].seed is not None)
    assert left == [True, True, False]
    assert dict(model.seeds) == {}


@pytest.mark.parametrize("steps", [0, 3])
def test_a_seed_on_its_way_out_is_caught_by_a_closing_ramp(steps):
    model = build_model()
    walk_to(model, SeedStage.HOLDING)
    prune(model, speed=AlphaSpeed.SLOW)
    pass_epoch(model)
    model.ramp_out_uncommitted(steps, initiator=Initiator.CLOSING, reason="closing")
    for _ in range(steps):
        pass_epoch(model)
    assert model.slots["r0c0"].seed is None


def test_a_fossil_survives_a_ramp_out():
    model = build_model()
    walk_to(model, SeedStage.FOSSILIZED)
    model.ramp_out_uncommitted(0, initiator=Initiator.GOVERNOR, reason="diverged")
    assert model.slots["r0c0"].stage == SeedStage.FOSSILIZED


def test_only_incubating_seeds_are_in_the_shadow_at_the_alpha_they_are_meant_to_have():
    model, _ = build_in(SeedStage.TRAINING)
    assert model.shadow_overrides() == {"r0c0": ((Style.SIGMOID_ADD, 1.0),)}
    assert model.slots["r0c0"].weights == ()
    advance(model)
    assert model.shadow_overrides() == {}


def test_a_budget_below_the_host_is_refused():
    with pytest.raises(ConfigError, match=r"at least the host's 211, got 210"):
        build_model(max_parameters=210)


@pytest.mark.requirement("0.9")
def test_the_budget_masks_what_exceeds_it():
    model = build_model(max_parameters=211 + 12)
    assert not germinate(model, blueprint=1).executed
    assert germinate(model, blueprint=3).executed
    assert model.report().parameters == model.count_parameters() == 223


def test_a_host_whose_weights_are_frozen_counts_trainable_ones_only():
    host = build_host()
    host[0].weight.requires_grad_(False)
    model = build_model(host)
    assert model.host_parameters == model.count_parameters() == 211 - 36


def collect_reports():
    """Every report of a life with planting, cross-fade, commitment and pruning."""
    model = build_model(max_parameters=5000, environment=3)
    reports = [model.report()]

    def go_on(measured=None):
        known = len(reports)
        measured = measured or measure(points=3.0 + known, gain=0.1 * known, norm=known)
        pass_epoch(model, measured, accuracy=50.0 + known)
        reports.append(model.report())

    germinate(model, style=Style.GATED_GATE, tempo=Tempo.STANDARD)
    for _ in range(2):
        go_on()
        advance(model)
    for _ in range(5):
        go_on()
    advance(model)
    go_on()
    model.apply_command(build_retarget())
    go_on(measure(health=0.75))
    go_on(SeedMeasurement())
    while model.slots["r0c0"].seed.schedule.mode != AlphaMode.HOLD:
        go_on()
    prune(model)
    go_on()
    return reports


def is_set(value):
    return value is not None and value != 0


@pytest.mark.parametrize("name", [item.name for item in fields(SeedReport)])
def test_every_field_of_a_seed_report_is_set_by_something(name):
    seeds = [report.slots[0].seed for report in collect_reports()]
    values = [getattr(seed, name) for seed in seeds if seed is not None]
    assert any(is_set(value) for value in values)
    if name not in {"seed_id", "blueprint", "tempo"}:
        assert len(set(map(str, values))) > 1, "a constant is not a measurement"


@pytest.mark.parametrize("name", [item.name for item in fields(SlotReport)])
@pytest.mark.requirement("4.4")
def test_every_field_of_a_slot_report_is_set_by_something(name):
    slots = [report.slots[0] for report in collect_reports()]
    assert any(is_set(getattr(slot, name)) for slot in slots)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("environment", {3}),
        ("max_parameters", {5000}),
        ("host_parameters", {211}),
        ("min_prune_age_epochs", {2}),
    ],
)
def test_a_host_report_tells_its_settings(name, values):
    assert {getattr(report, name) for report in collect_reports()} == values


def test_a_host_report_counts_epochs_from_one():
    epochs = [report.epoch for report in collect_reports()]
    assert epochs[0] == 1
    assert sorted(set(epochs)) == list(range(1, max(epochs) + 1))


@pytest.mark.parametrize("wrap", [False, True])
def test_a_model_can_be_copied_and_the_copy_grows_by_itself(wrap):
    model = build_model(wrap=wrap).eval()
    walk_to(model, SeedStage.HOLDING)
    twin = copy.deepcopy(model)
    assert torch.equal(twin(build_batch()[0]), model(build_batch()[0]))
    before = state_of(model)
    walk_to(twin, SeedStage.FOSSILIZED, "r0c1")
    assert prune(twin).executed
    assert state_of(model) == before
    assert set(twin.seeds) == {"r0c1"}
    assert germinate(model, "r0c1").executed
    assert model.slots["r0c1"].seed is not twin.slots["r0c1"].seed


def test_a_copy_draws_the_weights_its_original_will_draw():
    models = [build_model()]
    models.append(copy.deepcopy(models[0]))
    for model in models:
        germinate(model, blueprint=Blueprint.CONV_LIGHT)
    one, two = (next(model.seeds["r0c0"].body.parameters()) for model in models)
    assert torch.equal(one, two)


def test_a_copy_tells_the_same_sink():
    sink = Listener()
    twin = copy.deepcopy(build_model(sink=sink))
    germinate(twin)
    assert len(sink.events) > 0


def test_a_state_can_be_loaded_into_the_same_structure():
    models = [build_model(seed=seed) for seed in (1, 2)]
    for model in models:
        walk_to(model, SeedStage.HOLDING)
    models[1].load_state_dict(models[0].state_dict())
    one, two = (model.eval()(build_batch()[0]) for model in models)
    assert torch.equal(one, two)
    assert list(models[0].host.state_dict()) == list(build_host().state_dict())


@pytest.mark.parametrize("slots", [["2", "5"], ("2", "5"), {"r0c1": "5", "r0c0": "2"}])
def test_slots_are_paths_or_ids_with_paths(slots):
    model = attach(build_host(), slots, build_batch()[0])
    assert {slot_id: slot.path for slot_id, slot in model.slots.items()} == SLOTS


def test_a_model_without_a_generator_draws_with_seed_0():
    models = [build_model(generator=generator) for generator in (None, build_seeded(0))]
    for model in models:
        germinate(model, blueprint=Blueprint.CONV_LIGHT)
    one, two = (model.state_dict()["seeds.r0c0.body.0.weight"] for model in models)
    assert torch.equal(one, two)


def test_a_model_takes_whatever_its_host_takes():
    parts = {"body": nn.Linear(6, 6), "head": nn.Linear(6, 3)}
    host = Called(lambda self, x, *, twice: self.head(self.body(x)) * (1 + twice), **parts)
    model = attach(host, ["body"], {"x": draw(4, 6), "twice": False})
    assert torch.equal(model(draw(4, 6), twice=True), host(x=draw(4, 6), twice=True))


def test_a_model_is_no_host():
    with pytest.raises(ConfigError, match="got a TamiyoModel: detach it first"):
        build_model(build_model(), slots=["host.2"])


def test_a_model_cannot_be_replicated():
    with pytest.raises(ConfigError, match=r"wrapped in nn\.DataParallel, got .* one process per"):
        build_model()._replicate_for_data_parallel()

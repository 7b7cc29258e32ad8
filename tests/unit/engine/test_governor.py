from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tamiyo.contracts import (
    GovernorRolledBack,
    Initiator,
    InvariantError,
    LifecycleConfig,
    LifecycleOp,
    SeedPruned,
    SeedStage,
    Style,
)
from tamiyo.engine import Governor, GovernorConfig
from tests.support.tasks import (
    WAIT,
    ListSink,
    act,
    build_model,
    build_noisy_host,
    copy_state,
    germinate,
    make_member,
    make_population,
    make_worthy,
    wake,
)

INITIAL = math.log(10)
HEALTHY = [0.5, 0.6, 0.4]


def build_governor(*losses, **config):
    governor = Governor(GovernorConfig(**config), initial_loss=INITIAL)
    assert [governor.judge(loss, loss) for loss in losses] == [None] * len(losses)
    return governor


def poison(member, value=math.nan):
    with torch.no_grad():
        next(member.model.host.parameters()).fill_(value)


def grow_member(sink=None, host=build_noisy_host):
    """A member with a seed in HOLDING, one that blends and one that germinated."""
    member = make_member(host, sink=sink)
    for command in (
        germinate("r0c0"),
        germinate("r0c1"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        act(LifecycleOp.ADVANCE, "r0c1"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        germinate("r0c2"),
    ):
        assert member.step(command).refusal is None
    make_worthy(member, "r0c0")
    return member


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["control", "training"])
@pytest.mark.requirement("8.6")
def test_a_loss_that_is_not_finite_is_divergence_from_the_first_epoch_on(bad, where):
    losses = (bad, 1.0) if where == "control" else (1.0, bad)
    assert f"{where} {bad}" in build_governor().judge(*losses)


def test_a_spike_beyond_every_limit_is_divergence():
    assert build_governor(*HEALTHY).judge(9.0, 0.5) == "control loss 9 above 1.73"


@pytest.mark.parametrize(
    ("config", "loss"),
    [
        ({"spike_deviations": 100.0}, 9.0),
        ({"spike_factor": 20.0}, 9.0),
        ({"spike_initial_fraction": 4.0}, 9.0),
        ({}, 1.72),
    ],
)
def test_a_loss_within_one_limit_is_healthy(config, loss):
    assert build_governor(*HEALTHY, **config).judge(loss, 0.5) is None


def test_an_early_spike_is_judged_by_the_initial_loss():
    governor = build_governor(*HEALTHY[:2])
    assert governor.judge(3.1 * INITIAL, 0.5) == "control loss 7.14 above 6.91"
    assert governor.judge(2.9 * INITIAL, 0.5) is None


def test_a_diverged_loss_is_not_remembered():
    governor = build_governor(*HEALTHY)
    reasons = {governor.judge(9.0, 0.5) for _ in range(30)}
    assert reasons == {"control loss 9 above 1.73"}


@given(
    middle=st.floats(1e-3, 2 * INITIAL),
    noise=st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=60),
)
def test_noise_of_half_the_loss_is_never_divergence(middle, noise):
    build_governor(*(middle * (1 + share) for share in noise))


@given(losses=st.lists(st.floats(0.0, 0.75 * INITIAL), min_size=1, max_size=60))
def test_a_loss_well_below_the_initial_one_is_never_divergence(losses):
    build_governor(*losses)


def test_rolling_back_without_a_snapshot_is_a_bug():
    with pytest.raises(InvariantError, match="got no snapshot"):
        build_governor().roll_back(build_model(), reason="test")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e4])
@pytest.mark.requirement("8.6")
def test_the_host_goes_back_to_the_snapshot_bit_for_bit(value):
    sink = ListSink()
    member = grow_member(sink)
    before = copy_state(member.model.host)
    poison(member, value)
    measured = member.step(WAIT).measured
    assert measured.rolled_back is not None
    assert math.isfinite(measured.control_loss)
    after = member.model.host.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    (event,) = sink.of(GovernorRolledBack)
    assert (event.epoch, event.restored_epoch) == (7, 6)
    assert event.reason == measured.rolled_back


def test_buffers_that_a_state_dict_leaves_out_go_back_as_well():
    model = build_model()
    model.host.block1.register_buffer("seen", torch.zeros(()), persistent=False)
    governor = build_governor()
    governor.remember(model, epoch=0)
    model.host.block1.seen.fill_(math.nan)
    governor.roll_back(model, reason="test")
    assert model.host.block1.seen.item() == 0.0


def test_divergence_in_the_very_first_epoch_goes_back_to_the_untrained_host():
    member = make_member()
    before = copy_state(member.model)
    poison(member)
    assert member.step(WAIT).measured.rolled_back is not None
    assert all(torch.equal(member.model.state_dict()[name], before[name]) for name in before)


@pytest.mark.requirement("8.6")
def test_uncommitted_seeds_are_pruned_by_the_governor_and_moments_forgotten():
    sink = ListSink()
    member = grow_member(sink)
    poison(member)
    step = member.step(WAIT)
    assert [(event.slot_id, event.initiator) for event in sink.of(SeedPruned)] == [
        (slot_id, Initiator.GOVERNOR) for slot_id in ("r0c0", "r0c1", "r0c2")
    ]
    assert {event.reason for event in sink.of(SeedPruned)} == {step.measured.rolled_back}
    assert [slot.stage for slot in step.host.slots] == [None] * 3
    assert not member.optimizer.optimizer.state
    member.optimizer.check_membership()


def test_fossils_keep_their_place_and_the_parameters_of_the_snapshot():
    member = grow_member()
    assert member.step(act(LifecycleOp.FOSSILIZE)).refusal is None
    before = copy_state(member.model.seeds["r0c0"])
    poison(member)
    step = member.step(WAIT)
    assert [slot.stage for slot in step.host.slots] == [SeedStage.FOSSILIZED, None, None]
    after = member.model.seeds["r0c0"].state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_seed_that_fossilized_after_the_snapshot_stays_with_the_parameters_it_had_in_it():
    member = grow_member()
    before = copy_state(member.model.seeds["r0c0"])
    poison(member)
    step = member.step(act(LifecycleOp.FOSSILIZE))
    assert step.measured.rolled_back is not None
    assert step.host.slot("r0c0").stage == SeedStage.FOSSILIZED
    after = member.model.seeds["r0c0"].state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    member.optimizer.check_membership()


def test_a_gate_that_went_after_the_snapshot_does_not_come_back():
    model = build_model()
    model.apply_command(germinate(style=Style.GATED_GATE))
    wake(model)
    governor = build_governor()
    governor.remember(model, epoch=0)
    model.slots["r0c0"].seed.stage = SeedStage.FOSSILIZED
    model.seeds["r0c0"].gate = None
    scale = model.seeds["r0c0"].scale.detach().clone()
    nn.init.zeros_(model.seeds["r0c0"].scale)
    governor.roll_back(model, reason="test")
    assert model.seeds["r0c0"].gate is None
    assert torch.equal(model.seeds["r0c0"].scale, scale)


def test_a_gate_that_came_after_the_snapshot_stays_as_it_is():
    model = build_model()
    model.apply_command(germinate(style=Style.GATED_GATE))
    module = model.seeds["r0c0"]
    module.gate, gate = None, module.gate
    governor = build_governor()
    governor.remember(model, epoch=0)
    module.gate = gate
    model.slots["r0c0"].seed.stage = SeedStage.FOSSILIZED
    before = copy_state(module)
    governor.roll_back(model, reason="test")
    assert module.gate is gate
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)


def test_an_incubating_seed_that_diverges_harms_nobody_and_never_passes_its_gate():
    calm, struck = (make_member(lifecycle=LifecycleConfig(incubate=True)) for _ in range(2))
    for member in (calm, struck):
        for command in (germinate(), act(LifecycleOp.ADVANCE)):
            member.step(command)
    nn.init.constant_(struck.model.seeds["r0c0"].scale, math.nan)
    steps = [member.step(WAIT) for member in (calm, struck)]
    assert steps[1].measured.rolled_back is None
    assert steps[0].measured == steps[1].measured
    assert not steps[1].host.slot("r0c0").seed.gate.passed
    assert struck.step(act(LifecycleOp.ADVANCE)).refusal is not None


@pytest.mark.requirement("8.6")
def test_training_goes_on_after_a_roll_back():
    member = grow_member()
    poison(member)
    member.step(WAIT)
    losses = [member.step(WAIT).measured for _ in range(8)]
    assert {measured.rolled_back for measured in losses} == {None}
    assert losses[-1].train_loss < losses[0].train_loss
    assert [measured.epoch for measured in losses] == list(range(8, 16))


def test_every_diverged_epoch_in_a_row_goes_back_to_the_same_snapshot():
    sink = ListSink()
    member = make_member(sink=sink)
    member.step(WAIT)
    before = copy_state(member.model)
    for _ in range(3):
        poison(member)
        member.step(WAIT)
    assert [event.restored_epoch for event in sink.of(GovernorRolledBack)] == [1, 1, 1]
    assert all(torch.equal(member.model.state_dict()[name], before[name]) for name in before)


@pytest.mark.requirement("8.6")
def test_the_other_members_do_not_notice_a_divergence():
    sinks = ListSink(), ListSink()
    calm, struck = (make_population([0, 1, 2], host=build_noisy_host, sink=s) for s in sinks)
    for epoch in range(6):
        for population in (calm, struck):
            commands = [germinate(), germinate("r0c1"), WAIT] if epoch == 0 else [WAIT] * 3
            if population is struck and epoch == 3:
                poison(population.members[1])
            population.step(commands)
    for index, is_equal in enumerate((True, False, True)):
        ours, theirs = (p.members[index].model.state_dict() for p in (calm, struck))
        equal = ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
        assert equal == is_equal
        one, two = ([e for e in s.events if e.environment == index] for s in sinks)
        assert (one == two) == is_equal

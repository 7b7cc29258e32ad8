"""Random legal and illegal commands over thousands of epochs: nothing sticks or leaks."""

from __future__ import annotations

import gc
import random

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaMode,
    LifecycleConfig,
    LifecycleOp,
    PairedDifference,
    SeedStage,
    TamiyoDecision,
    build_action_spec,
    find_refusal,
    legal_choices,
    legal_ops,
)
from tamiyo.model import SeedMeasurement, detach
from tests.support.hosts import build_batch, build_model, germinate, prune, state_of
from tests.support.tasks import lead

LONGEST_WAY_OUT = 20
"""Epochs until a slot is free or fossilized: at most a ramp of 8, another one, and the embargo."""


class World:
    """A tiny model that is trained for one step per epoch and measured at random."""

    def __init__(self, seed=0, *, wrap=False, **config):
        self.draw = random.Random(seed)
        self.model = build_model(
            wrap=wrap, max_parameters=1500, config=LifecycleConfig(**({"incubate": True} | config))
        ).train()
        self.optimizer = lead(self.model)

    def step(self, action):
        """Try an action, check that it is done or refused as a whole, and let an epoch pass."""
        report = self.model.report()
        slot_ids = report.slot_ids
        refusal = find_refusal(report, action)
        before = None if refusal is None else state_of(self.model)
        outcome = self.model.apply_command(
            TamiyoDecision.from_action(action, slot_ids).to_command()
        )
        assert outcome.refusal == refusal
        assert outcome.executed == (refusal is None)
        if not outcome.executed:
            assert state_of(self.model) == before
        self.pass_epoch()
        return outcome

    def pass_epoch(self):
        self.model.tick()
        self.optimizer.sync()
        self.optimizer.check_membership()
        inputs, targets = build_batch(4, seed=self.model.epoch)
        self.optimizer.optimizer.zero_grad()
        F.cross_entropy(self.model(inputs), targets).backward()
        self.optimizer.optimizer.step()
        measured = {slot_id: self.measure() for slot_id in self.model.slots}
        self.model.finish_epoch(measured, control_accuracy=self.draw.uniform(40, 60))

    def measure(self):
        if self.draw.random() < 0.1:
            return SeedMeasurement()
        points, gain = self.draw.uniform(-3, 8), self.draw.uniform(-0.03, 0.1)
        return SeedMeasurement(
            contribution=PairedDifference(points=points, points_error=0.5, loss=0, loss_error=0),
            shadow_gain=PairedDifference(points=0, points_error=0.5, loss=gain, loss_error=0),
            gradient_norm=1.0,
            gradient_health=self.draw.choice([0.3, 1.0, 1.0]),
        )

    def draw_legal(self):
        report, chosen = self.model.report(), {}
        for head in build_action_spec(report.slot_ids).heads:
            mask = legal_choices(report, head.name, chosen)
            chosen[head.name] = self.draw.choice([i for i, legal in enumerate(mask) if legal])
        return tuple(chosen.values())

    def draw_any(self):
        nvec = build_action_spec(self.model.report().slot_ids).nvec
        return tuple(self.draw.randrange(size) for size in nvec)

    def check(self):
        """Everything that holds between two epochs, whatever happened before."""
        report = self.model.report()
        living = {slot.slot_id for slot in report.slots if slot.seed is not None}
        assert set(self.model.seeds) == living
        assert report.parameters == sum(p.numel() for p in self.model.parameters())
        assert report.parameters <= report.max_parameters
        seed_ids = [slot.seed.seed_id for slot in report.slots if slot.seed is not None]
        assert len(set(seed_ids)) == len(seed_ids)
        for slot in report.slots:
            check_slot(slot)

    def check_nothing_is_stuck(self):
        """Prune whatever can be pruned: soon every slot is free or fossilized."""
        for _ in range(LONGEST_WAY_OUT + len(self.model.slots)):
            if all(stage in {None, SeedStage.FOSSILIZED} for stage in self.stages()):
                return
            report = self.model.report()
            prunable = [s for s in report.slots if LifecycleOp.PRUNE in legal_ops(s, report)]
            if prunable:
                assert prune(self.model, prunable[0].slot_id).executed
            self.pass_epoch()
        pytest.fail(f"stuck in {self.stages()}")

    def stages(self):
        return [slot.stage for slot in self.model.report().slots]


def check_slot(slot):
    assert (slot.stage is None) == (slot.seed is None and slot.cooldown_epochs == 0)
    if slot.seed is None:
        return
    alpha = slot.seed.alpha
    assert 0 <= alpha.alpha <= 1 + 1e-9
    if slot.stage in {SeedStage.GERMINATED, SeedStage.TRAINING}:
        assert (alpha.alpha, alpha.mode) == (0, AlphaMode.HOLD)
    if slot.stage in {SeedStage.HOLDING, SeedStage.FOSSILIZED}:
        assert (alpha.alpha, alpha.mode) == (alpha.target, AlphaMode.HOLD)
        assert alpha.alpha > 0


def count_left_behind(world):
    gc.collect()
    parameters = sum(1 for thing in gc.get_objects() if type(thing) is nn.Parameter)
    modules = list(world.model.modules())
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)
    groups = world.optimizer.optimizer.param_groups
    kept = (len(modules), hooks, len(groups), len(world.optimizer.optimizer.state))
    return parameters, *kept, len(world.model._growth._way_out)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.requirement("4.2", "8.1")
def test_a_thousand_epochs_of_legal_and_illegal_commands(seed, wrap):
    world = World(seed, wrap=wrap, embargo_epochs_after_prune=1 + 4 * seed)
    counts = {True: 0, False: 0}
    for _ in range(1000):
        legal = world.draw.random() < 0.6
        outcome = world.step(world.draw_legal() if legal else world.draw_any())
        assert outcome.executed or not legal
        counts[outcome.executed] += 1
        world.check()
        if all(stage == SeedStage.FOSSILIZED for stage in world.stages()):
            world = World(world.draw.randrange(10**6), wrap=wrap)
    assert min(counts.values()) > 100
    world.check_nothing_is_stuck()


@pytest.mark.requirement("3.1")
def test_legal_actions_are_never_refused_whatever_the_settings():
    for seed in range(8):
        draw = random.Random(seed)
        world = World(
            seed,
            incubate=draw.random() < 0.5,
            ramp=draw.random() < 0.5,
            min_prune_age_epochs=draw.randrange(4),
            embargo_epochs_after_prune=draw.randrange(3),
        )
        for _ in range(60):
            assert world.step(world.draw_legal()).executed
            world.check()
        world.check_nothing_is_stuck()


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.requirement("8.2")
def test_nothing_is_left_behind_after_two_hundred_seeds(wrap):
    world = World(wrap=wrap, embargo_epochs_after_prune=0, min_prune_age_epochs=0)
    world.pass_epoch()
    before = count_left_behind(world)
    for cycle in range(200):
        blueprint = 1 + cycle % 7
        assert germinate(world.model, blueprint=blueprint, style=cycle % 4).executed
        world.pass_epoch()
        assert prune(world.model).executed
        world.pass_epoch()
    assert count_left_behind(world) == before
    assert world.stages() == [None, None]


def test_what_was_grown_at_random_can_be_detached_at_any_time():
    world, inputs = World(3), build_batch()[0]
    for epoch in range(120):
        world.step(world.draw_legal())
        if epoch % 10 == 0:
            world.model.eval()
            live = {
                slot_id: ()
                for slot_id, slot in world.model.slots.items()
                if slot.stage != SeedStage.FOSSILIZED
            }
            committed = world.model.execution.run_variants(inputs, [live])[0]
            assert torch.equal(detach(world.model)(inputs), committed)
            world.model.train()


class Lifecycle(RuleBasedStateMachine):
    """Hypothesis drives one world with whatever commands it likes, and shrinks what fails."""

    @initialize(seed=st.integers(0, 99), wrap=st.booleans(), embargo=st.integers(0, 5))
    def begin(self, seed, wrap, embargo):
        self.world = World(seed, wrap=wrap, embargo_epochs_after_prune=embargo)

    @rule()
    def wait(self):
        self.world.step(AdaptationCommand().to_action(self.world.model.report().slot_ids))

    @rule(data=st.data())
    def do_something_legal(self, data):
        report, chosen = self.world.model.report(), {}
        for head in build_action_spec(report.slot_ids).heads:
            mask = legal_choices(report, head.name, chosen)
            legal = [index for index, allowed in enumerate(mask) if allowed]
            chosen[head.name] = data.draw(st.sampled_from(legal), label=head.name)
        assert self.world.step(tuple(chosen.values())).executed

    @rule(data=st.data())
    def try_anything(self, data):
        nvec = build_action_spec(self.world.model.report().slot_ids).nvec
        self.world.step(data.draw(st.tuples(*(st.integers(0, size - 1) for size in nvec))))

    @invariant()
    def everything_is_in_step(self):
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self):
        if hasattr(self, "world"):
            self.world.check_nothing_is_stuck()


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=75, stateful_step_count=40, deadline=None)

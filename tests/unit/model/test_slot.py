"""Slots: at most one seed, stages in order, and a cooldown with a clock of its own."""

from __future__ import annotations

import pytest

from tamiyo.contracts import (
    AlphaCurve,
    AlphaTarget,
    Blueprint,
    InvariantError,
    LifecycleConfig,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.model import SlotShape, Topology
from tamiyo.model.blueprints import build_seed_module
from tamiyo.model.seed import Seed
from tamiyo.model.slot import SeedSlot

SHAPE = SlotShape(Topology.CNN, 4, (2, 2))
COOLDOWN = ["PRUNED", "EMBARGOED", "RESETTING", None]


def build_seed(tempo=Tempo.FAST):
    return Seed(
        seed_id="seed",
        module=build_seed_module(Blueprint.NORM, SHAPE, gated=False),
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_ADD,
        tempo=tempo,
        target=AlphaTarget.FULL,
    )


def build_slot(**config):
    """A slot and the list of stages it was seen to enter."""
    seen = []

    def record(slot, seed_id, before, after, spent):
        assert before == (slot_stage[0] if seen else None)
        slot_stage[0] = after
        seen.append(None if after is None else after.name)

    slot_stage = [None]
    slot = SeedSlot(
        slot_id="r0c0",
        path="0",
        shape=SHAPE,
        config=LifecycleConfig(**({"incubate": True} | config)),
        record=record,
    )
    return slot, seen


def build_blending(**config):
    slot, seen = build_slot(**config)
    slot.plant(build_seed())
    slot.advance(control_accuracy=50.0)
    if slot.stage == SeedStage.TRAINING:
        slot.advance(control_accuracy=50.0)
    return slot, seen


@pytest.mark.requirement("8.1")
def test_a_life_passes_its_stages_in_order():
    slot, seen = build_blending()
    slot.advance(control_accuracy=50.0)
    slot.fossilize()
    assert seen == ["GERMINATED", "TRAINING", "BLENDING", "HOLDING", "FOSSILIZED"]


@pytest.mark.parametrize("embargo", [0, 1, 2, 5])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.requirement("0.6", "4.1")
def test_a_cooldown_passes_every_stage_in_order_and_ends_on_time(embargo, extra):
    slot, seen = build_blending(embargo_epochs_after_prune=embargo)
    slot.remove_seed(cooldown_epochs=embargo + extra)
    for _ in range(embargo + extra):
        assert slot.stage is not None
        assert slot.tick() is None
    assert slot.stage is None
    assert seen[-4:] == COOLDOWN


def test_a_removal_without_a_number_cools_for_the_whole_embargo():
    slot, _ = build_blending(embargo_epochs_after_prune=3)
    slot.remove_seed()
    assert slot.cooldown_epochs == 3


def test_a_free_slot_is_not_moved_by_time():
    slot, seen = build_slot()
    assert [slot.tick() for _ in range(3)] == [None] * 3
    assert (slot.stage, seen, slot.weights) == (None, [], ())


@pytest.mark.parametrize("steps", [3, 5, 8])
@pytest.mark.requirement("4.1")
def test_a_way_out_of_n_epochs_ends_in_the_nth_tick(steps):
    slot, _ = build_blending()
    slot.retarget(Style.LINEAR_ADD, 1.0, steps=0, curve=AlphaCurve.LINEAR)
    slot.ramp_out(steps, AlphaCurve.COSINE)
    gone = [slot.tick() is not None for _ in range(steps)]
    assert gone == [False] * (steps - 1) + [True]
    assert (slot.stage, slot.seed) == (SeedStage.PRUNED, None)


def test_blending_begins_with_the_ramp_of_tempo_and_style():
    slot, _ = build_blending()
    assert slot.weights == ()
    alphas = []
    for _ in range(3):
        slot.tick()
        alphas.append(slot.seed.schedule.alpha)
    assert alphas == pytest.approx([1 / 3, 2 / 3, 1])


def test_without_a_ramp_blending_begins_at_its_target():
    slot, _ = build_blending(ramp=False)
    assert slot.weights == ((Style.LINEAR_ADD, 1.0),)


def test_without_incubation_a_seed_passes_through_training_at_once():
    slot, seen = build_slot(incubate=False)
    slot.plant(build_seed())
    slot.advance(control_accuracy=50.0)
    assert seen == ["GERMINATED", "TRAINING", "BLENDING"]
    slot.finish_epoch(None, control_accuracy=52.0)
    assert slot.seed.improvement_points == 2.0


def test_a_held_seed_that_is_retargeted_blends_again():
    slot, seen = build_blending()
    slot.advance(control_accuracy=50.0)
    slot.retarget(Style.LINEAR_ADD, 0.5, steps=3, curve=AlphaCurve.LINEAR)
    assert seen[-2:] == ["HOLDING", "BLENDING"]


def test_a_second_seed_breaks_a_promise():
    slot, _ = build_slot()
    slot.plant(build_seed())
    with pytest.raises(
        InvariantError, match="r0c0 must be free to germinate, got stage GERMINATED"
    ):
        slot.plant(build_seed())


def test_a_cooling_slot_is_not_free():
    slot, _ = build_blending()
    slot.remove_seed()
    with pytest.raises(InvariantError, match="got stage PRUNED"):
        slot.plant(build_seed())


def test_a_slot_without_a_seed_has_nothing_to_remove():
    slot, _ = build_slot()
    with pytest.raises(InvariantError, match="slot r0c0 must hold a seed, got stage None"):
        slot.remove_seed()


def test_the_report_of_a_cooling_slot_counts_down():
    slot, _ = build_blending(embargo_epochs_after_prune=2)
    slot.remove_seed()
    counts = [slot.report().cooldown_epochs]
    for _ in range(2):
        slot.tick()
        counts.append(slot.report().cooldown_epochs)
    assert counts == [2, 1, 0]
    assert slot.report().seed is None

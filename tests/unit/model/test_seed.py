"""Seeds: clocks, what is remembered of measurements, and weights by stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    AlphaCurve,
    AlphaTarget,
    Blueprint,
    InvariantError,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.model import SeedMeasurement, SlotShape, Topology
from tamiyo.model.blueprints import build_seed_module
from tamiyo.model.seed import Seed
from tests.support.hosts import measure

UNMEASURED = SeedMeasurement()


def build_seed(stage=SeedStage.GERMINATED):
    module = build_seed_module(Blueprint.NORM, SlotShape(Topology.CNN, 4, (2, 2)), gated=False)
    seed = Seed(
        seed_id="r0c0-1-norm",
        module=module,
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_ADD,
        tempo=Tempo.FAST,
        target=AlphaTarget.SEVENTY,
    )
    for step in (SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED):
        if seed.stage != stage:
            seed.enter(step, control_accuracy=40.0)
    return seed


def live_through(seed, *measured, accuracy=50.0):
    for one in measured:
        seed.finish_epoch(one, control_accuracy=accuracy)
    return seed


def points(*values):
    return [UNMEASURED if value is None else measure(points=value) for value in values]


def test_clocks_of_a_seed_begin_at_nothing_and_again_in_every_stage():
    seed = build_seed()
    assert (seed.age_epochs, seed.epochs_in_stage) == (0, 0)
    live_through(seed, UNMEASURED, UNMEASURED)
    assert (seed.age_epochs, seed.epochs_in_stage) == (2, 2)
    seed.enter(SeedStage.TRAINING)
    assert (seed.age_epochs, seed.epochs_in_stage) == (2, 0)


@pytest.mark.parametrize(
    ("stage", "after"),
    [
        (SeedStage.GERMINATED, SeedStage.BLENDING),
        (SeedStage.TRAINING, SeedStage.HOLDING),
        (SeedStage.FOSSILIZED, SeedStage.BLENDING),
        (SeedStage.HOLDING, SeedStage.PRUNED),
        (SeedStage.BLENDING, SeedStage.UNKNOWN),
    ],
)
def test_a_stage_that_does_not_follow_breaks_a_promise(stage, after):
    message = f"stage after {stage.name} must be a successor, got {after.name}"
    with pytest.raises(InvariantError, match=message):
        build_seed(stage).enter(after)


def test_age_counts_validations_and_a_stage_starts_its_own_clock():
    seed = live_through(build_seed(), *points(None, None))
    seed.enter(SeedStage.TRAINING)
    live_through(seed, UNMEASURED)
    assert (seed.age_epochs, seed.epochs_in_stage) == (3, 1)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ((), None),
        ((None, None), None),
        ((1.0,), 0),
        ((1.0, None), 1),
        ((1.0, None, None), 2),
        ((1.0, None, 2.0), 0),
    ],
)
@pytest.mark.requirement("4.4")
def test_epochs_since_the_counterfactual_count_up_and_reset(measured, expected):
    seed = live_through(build_seed(SeedStage.HOLDING), *points(*measured))
    assert seed.epochs_since_counterfactual == expected


@pytest.mark.parametrize(
    ("measured", "velocity"),
    [
        ((), None),
        ((1.0,), None),
        ((1.0, 3.0), 2.0),
        ((1.0, 3.0, 3.0), 1.4),
        ((1.0, 3.0, 2.0), 0.7 * 2 - 0.3),
        ((1.0, None, 3.0), 2.0),
    ],
)
def test_the_velocity_is_the_smoothed_change_of_the_contribution(measured, velocity):
    seed = live_through(build_seed(SeedStage.HOLDING), *points(*measured))
    assert seed.contribution_velocity == pytest.approx(velocity)


def test_an_old_contribution_is_kept_and_an_old_gradient_is_not():
    seed = live_through(build_seed(SeedStage.HOLDING), measure(points=4.0), UNMEASURED)
    report = seed.report(None)
    assert report.contribution.points == 4.0
    assert report.shadow_gain is not None
    assert (report.gradient_norm, report.gradient_health) == (None, None)


def test_the_previous_gradient_health_is_that_of_the_epoch_before():
    seed = live_through(build_seed(), measure(health=0.9), measure(health=0.6))
    assert (seed.previous_gradient_health, seed.measured.gradient_health) == (0.9, 0.6)
    assert live_through(seed, UNMEASURED).previous_gradient_health == 0.6
    assert live_through(seed, UNMEASURED).previous_gradient_health is None


@pytest.mark.requirement("4.4")
def test_a_measured_zero_is_not_an_unmeasured_value():
    report = live_through(build_seed(), measure(points=0.0, health=0.0, norm=0.0)).report(None)
    assert (report.contribution.points, report.gradient_norm, report.gradient_health) == (0, 0, 0)


def test_improvement_counts_from_the_last_validation_before_blending():
    seed = live_through(build_seed(SeedStage.TRAINING), UNMEASURED)
    assert seed.improvement_points is None
    seed.enter(SeedStage.BLENDING, control_accuracy=50.0)
    assert live_through(seed, UNMEASURED, accuracy=53.5).improvement_points == 3.5
    seed.enter(SeedStage.HOLDING)
    assert live_through(seed, UNMEASURED, accuracy=49.0).improvement_points == -1.0


def test_improvement_over_an_unknown_accuracy_is_unknown():
    seed = build_seed(SeedStage.TRAINING)
    seed.enter(SeedStage.BLENDING, control_accuracy=None)
    assert live_through(seed, UNMEASURED).improvement_points is None


@pytest.mark.parametrize(
    ("stage", "has_influence"),
    [
        (SeedStage.GERMINATED, False),
        (SeedStage.TRAINING, False),
        (SeedStage.BLENDING, True),
        (SeedStage.HOLDING, True),
        (SeedStage.FOSSILIZED, True),
    ],
)
def test_a_seed_has_weights_in_the_stages_with_influence(stage, has_influence):
    seed = build_seed(stage)
    seed.schedule.begin(Style.LINEAR_ADD, 0.5, steps=0, curve=AlphaCurve.LINEAR)
    assert seed.weights == (((Style.LINEAR_ADD, 0.5),) if has_influence else ())
    assert seed.has_influence == has_influence


def test_the_shadow_has_the_alpha_the_seed_is_meant_to_have():
    assert build_seed().shadow_weights == ((Style.LINEAR_ADD, 0.7),)


def test_a_partial_measurement_keeps_what_it_lacks():
    seed = live_through(build_seed(), measure(gain=0.3), replace(measure(), shadow_gain=None))
    assert seed.measured.shadow_gain.loss == 0.3

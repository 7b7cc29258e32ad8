"""Gates: every number, and that an unmeasured one never passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import GateLevel, LifecycleConfig, SeedStage
from tamiyo.model import SeedMeasurement
from tests.support.hosts import (
    advance,
    build_model,
    build_retarget,
    fossilize,
    germinate,
    measure,
    pass_epoch,
    walk_to,
)


def verdict_of(model):
    return model.report().slot("r0c0").seed.gate


def failed_checks(model):
    return [check.name for check in verdict_of(model).checks if not check.passed]


def incubating(**config):
    model = build_model(config=LifecycleConfig(**({"incubate": True} | config)))
    germinate(model)
    pass_epoch(model, SeedMeasurement())
    advance(model)
    return model


def holding(measured, *, accuracy=50.0, **config):
    model = build_model(config=LifecycleConfig(**({"incubate": True} | config)))
    walk_to(model, SeedStage.HOLDING)
    pass_epoch(model, measured, accuracy=accuracy)
    return model


def test_a_new_seed_may_incubate_at_once():
    model = build_model()
    germinate(model)
    assert verdict_of(model).gate == GateLevel.G1
    assert verdict_of(model).passed


@pytest.mark.parametrize(
    ("measured", "failed"),
    [
        (measure(), []),
        (measure(gain=0.0), []),
        (measure(gain=-0.01), ["shadow_gain"]),
        (measure(health=0.5), []),
        (measure(health=0.49), ["gradient_health"]),
        (SeedMeasurement(), ["shadow_gain", "gradient_health"]),
        (replace(measure(), shadow_gain=None), ["shadow_gain"]),
        (measure(gain=float("nan"), health=float("nan")), ["shadow_gain", "gradient_health"]),
    ],
)
def test_incubation_must_have_shown_a_gain_and_healthy_gradients(measured, failed):
    model = incubating()
    pass_epoch(model, measured)
    assert verdict_of(model).gate == GateLevel.G2
    assert failed_checks(model) == failed
    assert advance(model).executed == (not failed)


def test_incubation_takes_its_time():
    model = incubating(min_training_epochs=3)
    for passes in (False, False, True):
        pass_epoch(model)
        assert verdict_of(model).passed == passes


def test_blending_ends_when_alpha_is_at_its_target():
    model = incubating()
    pass_epoch(model)
    advance(model)
    failed = []
    for _ in range(3):
        pass_epoch(model)
        failed.append(failed_checks(model))
    assert failed == [["alpha_at_target"], ["alpha_at_target"], []]
    assert verdict_of(model).gate == GateLevel.G3


@pytest.mark.parametrize(
    ("measured", "failed"),
    [
        (measure(points=1.0, error=0.5), []),
        (measure(points=0.99, error=0.5), ["contribution_points"]),
        (measure(points=2.0, error=2.0), []),
        (measure(points=2.0, error=2.1), ["contribution_beyond_error"]),
        (measure(points=-3.0), ["contribution_points", "contribution_beyond_error"]),
        (measure(points=float("nan")), ["contribution_points", "contribution_beyond_error"]),
    ],
)
@pytest.mark.requirement("0.7")
def test_a_seed_must_be_worth_keeping_beyond_its_error(measured, failed):
    model = holding(measured)
    assert verdict_of(model).gate == GateLevel.G5
    assert failed_checks(model) == failed
    assert fossilize(model).executed == (not failed)


@pytest.mark.requirement("0.7")
def test_a_contribution_that_was_never_measured_is_no_contribution():
    model = build_model()
    germinate(model)
    for _ in range(2):
        pass_epoch(model)
        advance(model)
    while model.slots["r0c0"].stage != SeedStage.HOLDING:
        pass_epoch(model, replace(measure(), contribution=None))
        advance(model)
    pass_epoch(model, replace(measure(), contribution=None))
    assert failed_checks(model) == ["contribution_points", "contribution_beyond_error"]
    assert verdict_of(model).checks[0].measured is None


@pytest.mark.requirement("4.4")
def test_a_stale_contribution_counts_as_unmeasured():
    model = holding(measure())
    assert verdict_of(model).passed
    pass_epoch(model, replace(measure(), contribution=None))
    assert failed_checks(model) == ["contribution_points", "contribution_beyond_error"]


@pytest.mark.parametrize(("accuracy", "failed"), [(50.0, []), (49.9, ["improvement_points"])])
@pytest.mark.requirement("0.7")
def test_the_network_must_not_have_become_worse_since_blending_began(accuracy, failed):
    assert failed_checks(holding(measure(), accuracy=accuracy)) == failed


@pytest.mark.parametrize(("threshold", "passes"), [(0.0, True), (0.2, True), (0.3, False)])
@pytest.mark.requirement("0.7")
def test_the_contribution_threshold_is_a_setting(threshold, passes):
    model = holding(measure(points=0.25, error=0.1), min_fossilize_contribution=threshold)
    assert verdict_of(model).passed == passes


@pytest.mark.parametrize(("errors", "passes"), [(0.0, True), (2.0, True), (2.1, False)])
def test_the_number_of_errors_is_a_setting(errors, passes):
    model = holding(measure(points=2.0, error=1.0), contribution_errors=errors)
    assert verdict_of(model).passed == passes


def test_after_commitment_no_gate_is_left():
    model = holding(measure())
    fossilize(model)
    assert verdict_of(model) is None


def test_a_retargeted_seed_blends_again_and_its_gate_is_that_of_blending():
    model = holding(measure())
    assert model.apply_command(build_retarget()).executed
    assert verdict_of(model).gate == GateLevel.G3
    assert "alpha_at_target" in failed_checks(model)

"""Lifecycle arrays: step by step the same as real models under the same commands."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

from tamiyo.contracts import (
    COOLDOWN_STAGES,
    AdaptationCommand,
    AlphaSpeed,
    Blueprint,
    LifecycleConfig,
    LifecycleOp,
    PairedDifference,
    SeedStage,
    find_refusal,
)
from tamiyo.controller import RandomLegal
from tamiyo.environment.surrogate.lifecycle import LifecycleArrays
from tamiyo.environment.surrogate.memory import SeedReadings
from tamiyo.model import SeedMeasurement, attach
from tamiyo.observation import FREE
from tests.support.reports import build_signals

MODELS = 4
STEPS = 80
SLOTS = ("r0c0", "r0c1", "r0c2")
EASY = {"min_fossilize_contribution": 0.0, "contribution_errors": 0.2, "min_gradient_health": 0.2}


def build_model(config, seed):
    host = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    generator = torch.Generator().manual_seed(seed)
    return attach(host, ["0", "2", "4"], torch.zeros(2, 4), generator=generator, config=config)


def draw_readings(rng, shape, has_seed):
    """Readings of which each may be missing; often good enough for a gate to pass."""

    def draw(low, high):
        values = rng.uniform(low, high, shape)
        return np.where(has_seed & (rng.random(shape) < 0.8), values, np.nan)

    shadow_points = draw(-1, 2)
    return SeedReadings(
        contribution=draw(-1, 3),
        contribution_error=rng.uniform(0, 1, shape),
        shadow_points=shadow_points,
        shadow_loss=shadow_points / 10,
        gradient_norm=draw(0, 2),
        gradient_health=draw(0, 1),
    )


def to_measurement(readings, index):
    """What the readings of one seed are to a real one."""

    def gain(points, error, loss):
        known = None if np.isnan(points) else points
        return known and PairedDifference(
            points=points, points_error=error, loss=loss, loss_error=None
        )

    values = {name: float(array[index]) for name, array in readings._asdict().items()}
    return SeedMeasurement(
        contribution=gain(values["contribution"], values["contribution_error"], 0.0),
        shadow_gain=gain(values["shadow_points"], None, values["shadow_loss"]),
        gradient_norm=none_if_nan(values["gradient_norm"]),
        gradient_health=none_if_nan(values["gradient_health"]),
    )


def none_if_nan(value):
    return None if np.isnan(value) else float(value)


def describe_real(slot):
    """Everything about a real slot that the arrays know of it."""
    seed, report = slot.seed, slot.report()
    place = (report.stage, report.cooldown_epochs, slot.seeds_planted)
    if seed is None:
        return place
    told, gain, shadow = report.seed, seed.measured.contribution, seed.measured.shadow_gain
    alpha = told.alpha
    return (
        *place,
        (told.blueprint, told.style, told.tempo, told.age_epochs, told.epochs_in_stage),
        (alpha.alpha, alpha.target, alpha.mode, alpha.steps_total, alpha.steps_done),
        told.gate is not None and told.gate.passed,
        seed.module.gate is not None,
        None if gain is None else (gain.points, gain.points_error),
        None if shadow is None else (shadow.points, shadow.loss),
        told.contribution_velocity,
        told.epochs_since_counterfactual,
        told.improvement_points,
        (told.gradient_norm, told.gradient_health, told.previous_gradient_health),
    )


def describe_array(life, index, embargo):
    """The same of a slot in the arrays."""
    seeds = {item.name: getattr(life.seeds, item.name)[index].item() for item in fields(life.seeds)}
    memory = {name: array[index].item() for name, array in vars(life.memory).items()}
    clocks = {name: array[index].item() for name, array in vars(life.clocks).items()}
    stage = None if seeds["stage"] < 0 else seeds["stage"]
    place = (stage, min(clocks["cooldown_epochs"], embargo), clocks["seeds_planted"])
    if seeds["blueprint"] == Blueprint.NOOP:
        return place
    shadow = (memory["shadow_points"], memory["shadow_loss"])
    gain = (memory["contribution"], memory["contribution_error"])
    since = memory["epochs_since_counterfactual"]
    return (
        *place,
        tuple(seeds[n] for n in ("blueprint", "style", "tempo", "age_epochs", "epochs_in_stage")),
        tuple(
            seeds[n] for n in ("alpha", "alpha_target", "alpha_mode", "steps_total", "steps_done")
        ),
        seeds["gate_passed"],
        life.has_gate[index].item(),
        None if np.isnan(gain[0]) else gain,
        None if np.isnan(shadow[0]) else shadow,
        none_if_nan(seeds["contribution_velocity"]),
        None if since < 0 else since,
        none_if_nan(seeds["improvement_points"]),
        (
            none_if_nan(seeds["gradient_norm"]),
            none_if_nan(seeds["gradient_health"]),
            none_if_nan(memory["previous_gradient_health"]),
        ),
    )


def decide(controllers, models):
    """Random legal commands, which the real models' own rules accept."""
    decisions = [
        controller.decide(build_signals(), model.report())
        for controller, model in zip(controllers, models, strict=True)
    ]
    commands = [decision.to_command() for decision in decisions]
    actions = [command.to_action(SLOTS) for command in commands]
    assert not any(map(find_refusal, [model.report() for model in models], actions))
    return commands, np.array(actions)


def step_both(models, life, rng, commands, actions, accuracy):
    """One step of real models and of the arrays with the same readings; the new accuracy."""
    for model, command in zip(models, commands, strict=True):
        assert model.apply_command(command).executed
        model.tick()
    life.execute(actions, control_accuracy=accuracy)
    life.tick()
    readings = draw_readings(rng, life.seeds.stage.shape, life.has_seed)
    accuracy = accuracy + rng.normal(0.5, 1.0, len(models))
    for row, model in enumerate(models):
        measured = {s: to_measurement(readings, (row, k)) for k, s in enumerate(SLOTS)}
        model.finish_epoch(measured, control_accuracy=float(accuracy[row]))
    life.finish_epoch(readings, control_accuracy=accuracy)
    return accuracy


def start_over(models, life, config):
    """Replace models that have no slot left to grow in."""
    full = (life.seeds.stage == SeedStage.FOSSILIZED).all(1)
    for row in np.flatnonzero(full):
        models[row] = build_model(config, int(row))
    life.reset(full)


@pytest.mark.parametrize("incubate", [False, True])
@pytest.mark.parametrize("ramp", [False, True])
@pytest.mark.parametrize("embargo", [0, 1, 5])
def test_arrays_live_as_real_models_do(incubate, ramp, embargo):
    config = LifecycleConfig(
        incubate=incubate, ramp=ramp, embargo_epochs_after_prune=embargo, **EASY
    )
    rng = np.random.default_rng(embargo)
    models = [build_model(config, seed) for seed in range(MODELS)]
    controllers = [RandomLegal(seed, wait_probability=0.2) for seed in range(MODELS)]
    life = LifecycleArrays(MODELS, len(SLOTS), config)
    accuracy, ops, fading = np.full(MODELS, 50.0), set(), False
    for _ in range(STEPS):
        commands, actions = decide(controllers, models)
        accuracy = step_both(models, life, rng, commands, actions, accuracy)
        for row, column in np.ndindex(MODELS, len(SLOTS)):
            real = describe_real(models[row].slots[SLOTS[column]])
            assert describe_array(life, (row, column), embargo) == real
        ops |= set(actions[:, 0].tolist())
        fading |= (life.ramps.fading_style >= 0).any()
        start_over(models, life, config)
    assert ops == set(LifecycleOp)
    assert fading


def build_pruned(embargo, *, speed=AlphaSpeed.INSTANT):
    """One slot after the step in which its blending seed was pruned."""
    config = LifecycleConfig(ramp=False, embargo_epochs_after_prune=embargo, min_prune_age_epochs=0)
    life = LifecycleArrays(1, 1, config)
    step(life, LifecycleOp.GERMINATE, blueprint=Blueprint.NORM)
    step(life, LifecycleOp.ADVANCE)
    step(life, LifecycleOp.PRUNE, alpha_speed=speed)
    return life


def step(life, op=LifecycleOp.WAIT, **choices):
    command = AdaptationCommand(op=op, slot_id="r0c0", **choices)
    life.execute(np.array([command.to_action(("r0c0",))]), control_accuracy=np.array([50.0]))
    life.tick()
    nothing = np.full(life.seeds.stage.shape, np.nan)
    life.finish_epoch(SeedReadings(*[nothing] * 6), control_accuracy=np.array([50.0]))


@pytest.mark.parametrize("embargo", [0, 1, 2, 5])
@pytest.mark.parametrize("speed", list(AlphaSpeed), ids=lambda speed: speed.name)
def test_a_removed_seed_closes_its_slot_for_exactly_the_embargo(embargo, speed):
    life = build_pruned(embargo, speed=speed)
    for _ in range(speed.epochs - 1):
        assert life.has_seed.all()
        step(life)
    for _ in range(embargo):
        assert not life.has_seed.any()
        assert life.seeds.stage[0, 0] in COOLDOWN_STAGES
        step(life)
    assert life.seeds.stage[0, 0] == FREE


def test_a_removed_seed_leaves_nothing_behind():
    life, untouched = build_pruned(0), LifecycleArrays(1, 1, LifecycleConfig())
    for record in ("seeds", "memory", "ramps"):
        for name, array in vars(getattr(life, record)).items():
            np.testing.assert_array_equal(array, getattr(getattr(untouched, record), name), name)


def test_a_reset_touches_only_the_environments_it_names():
    life = LifecycleArrays(2, 1, LifecycleConfig())
    action = AdaptationCommand(op=LifecycleOp.GERMINATE, slot_id="r0c0", blueprint=Blueprint.NORM)
    actions = np.array([action.to_action(("r0c0",))] * 2)
    life.execute(actions, control_accuracy=np.zeros(2))
    life.reset(np.array([True, False]))
    assert life.has_seed.tolist() == [[False], [True]]
    assert life.clocks.seeds_planted.tolist() == [[0], [1]]

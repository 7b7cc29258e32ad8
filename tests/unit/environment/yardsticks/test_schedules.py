"""Schedules on arrays decide as the controller of real hosts does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import AlphaTarget, Blueprint, LifecycleConfig, LifecycleOp, Style, Tempo
from tamiyo.controller import Schedule, ScheduleController, SeedPlan
from tamiyo.environment.surrogate import (
    SurrogateConfig,
    SurrogateVectorEnv,
    build_host_report,
    build_signals,
)
from tamiyo.environment.yardsticks.schedules import (
    SchedulePlans,
    decide_by_schedule,
    draw_plan,
    to_schedule,
)

CONFIG = SurrogateConfig()
CONFIGS = {
    "default": CONFIG,
    "incubating": replace(CONFIG, lifecycle=LifecycleConfig(incubate=True)),
    "short of parameters": replace(CONFIG, max_parameters=600),
    "one slot": replace(CONFIG, slots=1, max_epochs=20),
}
NUM_ENVS = 24


def draw_plans(config, count, seed=0):
    rng = np.random.default_rng(seed)
    return SchedulePlans.stack([draw_plan(config, rng) for _ in range(count)])


def decide(env, plans, info):
    return decide_by_schedule(plans, env.arrays, env.action_spec, info["action_mask_by_op"])


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_arrays_and_controller_decide_alike_in_every_epoch(config):
    plans = draw_plans(config, NUM_ENVS)
    env = SurrogateVectorEnv(NUM_ENVS, config)
    schedules = [to_schedule(plans, row, config.slot_ids) for row in range(NUM_ENVS)]
    controllers = [ScheduleController(schedule) for schedule in schedules]
    _, info = env.reset(seed=3)
    made = set()
    for _ in range(config.decision_epochs):
        decisions = [
            controller.decide(build_signals(env, row), build_host_report(env, row))
            for row, controller in enumerate(controllers)
        ]
        actions = decide(env, plans, info)
        expected = [d.to_command().to_action(config.slot_ids) for d in decisions]
        assert actions.tolist() == [list(action) for action in expected]
        made |= set(actions[:, 0])
        *_, info = env.step(actions)
    assert made >= {LifecycleOp.GERMINATE, LifecycleOp.ADVANCE, LifecycleOp.FOSSILIZE}


def test_every_decision_is_legal():
    plans = draw_plans(CONFIG, NUM_ENVS, seed=1)
    env = SurrogateVectorEnv(NUM_ENVS, CONFIG)
    _, info = env.reset(seed=4)
    for _ in range(CONFIG.decision_epochs):
        *_, info = env.step(decide(env, plans, info))
        assert info["action_valid"].all()


def test_a_schedule_without_seeds_waits():
    plans = draw_plans(CONFIG, 2)
    empty = replace(plans, germinate=np.zeros_like(plans.germinate))
    env = SurrogateVectorEnv(2, CONFIG)
    _, info = env.reset(seed=0)
    assert (decide(env, empty, info)[:, 0] == LifecycleOp.WAIT).all()
    assert to_schedule(empty, 0, CONFIG.slot_ids) == Schedule()


def test_a_schedule_is_written_down_slot_by_slot():
    row = {"style": 1, "tempo": 2, "alpha_target": 0, "incubate": 1, "hold": 3}
    plans = SchedulePlans(
        germinate=np.array([[0, 4]]),
        blueprint=np.array([[1, 3]]),
        fossilize=np.array([[1, 9]]),
        **{name: np.full((1, 2), value) for name, value in row.items()},
    )
    (seed,) = to_schedule(plans, 0, ("r0c0", "r0c1")).seeds
    assert seed == SeedPlan(
        slot="r0c1",
        germinate=4,
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_MULTIPLY,
        tempo=Tempo.SLOW,
        alpha_target=AlphaTarget.HALF,
        incubate=1,
        hold=3,
        fossilize=9,
    )


def test_random_schedules_differ_and_leave_some_slots_empty():
    plans = draw_plans(CONFIG, 400)
    assert len(np.unique(plans.germinate, axis=0)) > 300
    assert (plans.germinate == 0).mean() == pytest.approx(0.25, abs=0.05)
    assert set(np.unique(plans.blueprint)) == set(CONFIG.blueprints)
    assert plans.fossilize.max() <= CONFIG.decision_epochs


def test_schedules_are_taken_as_often_as_asked_for():
    plans = draw_plans(CONFIG, 3)
    taken = plans.take(np.array([2, 0, 2]))
    assert taken.blueprint.tolist() == plans.blueprint[[2, 0, 2]].tolist()
    assert SchedulePlans.stack([taken, plans]).hold.shape == (6, CONFIG.slots)

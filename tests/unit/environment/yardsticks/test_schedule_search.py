"""The search for the best fixed schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import Blueprint
from tamiyo.environment.surrogate import SurrogateConfig, SurrogateVectorEnv, play_episode
from tamiyo.environment.yardsticks.clairvoyant import compute_clairvoyant
from tamiyo.environment.yardsticks.schedule_search import (
    ScheduleFamily,
    play_schedules,
    search_schedule,
)
from tamiyo.environment.yardsticks.schedules import SchedulePlans, decide_by_schedule, draw_plan

CONFIG = SurrogateConfig()
ONE_NEED = replace(CONFIG, slots=2, max_epochs=20, needs=("conditioning",), variation=0.0)


def draw_plans(config, count):
    rng = np.random.default_rng(0)
    return [draw_plan(config, rng) for _ in range(count)]


def test_a_schedule_earns_the_same_with_and_without_the_environment_around():
    plans = SchedulePlans.stack(draw_plans(CONFIG, 16))
    env = SurrogateVectorEnv(16, CONFIG)

    def decide(_observations, info):
        return decide_by_schedule(plans, env.arrays, env.action_spec, info["action_mask_by_op"])

    outcomes = play_episode(env, decide, seed=5)
    env.reset(seed=5)
    gain = play_schedules(CONFIG, plans, env.world.draws)
    assert gain == pytest.approx(outcomes.score - outcomes.host_score, abs=1e-12)
    assert (gain != 0).sum() > 3


def test_every_schedule_plays_the_same_episodes():
    plans = draw_plans(CONFIG, 5)
    together = ScheduleFamily(CONFIG).play(plans, range(7, 11))
    alone = ScheduleFamily(CONFIG).play(plans[3:4], range(9, 11))
    assert together.shape == (5, 4)
    assert together[3, 2:] == pytest.approx(alone[0], abs=1e-12)


def test_a_descendant_shares_most_numbers_with_its_parent():
    family = ScheduleFamily(CONFIG)
    rng = np.random.default_rng(1)
    parent = family.draw(rng)
    kept = [
        np.mean([(vars(family.vary(parent, rng))[n] == a).mean() for n, a in vars(parent).items()])
        for _ in range(50)
    ]
    assert 0.85 < np.mean(kept) < 1


def test_where_one_plan_is_right_for_all_the_search_finds_about_the_bound():
    shares = []
    best = search_schedule(ONE_NEED, tries=256, generations=3, seed=0, on_progress=shares.append)
    gain = ScheduleFamily(ONE_NEED).play([best], range(64)).mean()
    env = SurrogateVectorEnv(1, ONE_NEED)
    env.reset(seed=0)
    assert gain > 0.8 * compute_clairvoyant(ONE_NEED, env.world.draws).gain[0]
    assert (best.blueprint == Blueprint.NORM).all()
    assert shares[-1] == pytest.approx(1.0)


def test_the_same_seed_finds_the_same_schedule():
    found = [search_schedule(ONE_NEED, tries=24, generations=2, seed=7) for _ in range(2)]
    assert all((vars(found[0])[name] == array).all() for name, array in vars(found[1]).items())


@pytest.mark.slow
def test_the_best_schedule_leaves_two_fifths_of_the_bound_to_those_who_watch():
    best = search_schedule(CONFIG, seed=0)
    env = SurrogateVectorEnv(512, CONFIG)
    env.reset(seed=10_000_000)
    gain = play_schedules(CONFIG, best.take(np.zeros(512, np.int64)), env.world.draws).mean()
    assert 0.4 < gain / compute_clairvoyant(CONFIG, env.world.draws).gain.mean() < 0.6

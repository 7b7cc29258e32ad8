"""The clairvoyant bound: reached by a schedule that knows the episode, exceeded by none."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tamiyo.contracts import Blueprint, ConfigError, LifecycleConfig, Style, Tempo
from tamiyo.environment.surrogate import SurrogateConfig, SurrogateVectorEnv
from tamiyo.environment.yardsticks.clairvoyant import check_boundable, compute_clairvoyant
from tamiyo.environment.yardsticks.schedule_search import play_schedules
from tamiyo.environment.yardsticks.schedules import SchedulePlans, draw_plan

QUIET = SurrogateConfig(noise_points=0.0, lifecycle=LifecycleConfig(min_fossilize_contribution=0.0))
TWO_SLOTS = replace(
    QUIET,
    slots=2,
    max_epochs=20,
    closing_epochs=3,
    blueprints=(Blueprint.ATTENTION, Blueprint.CONV_HEAVY),
)


def draw(config, episodes, seed=0):
    env = SurrogateVectorEnv(episodes, config)
    env.reset(seed=seed)
    return env.world.draws


def plan(**columns):
    """Schedules that advance and commit as soon as may be, after a slow ramp."""
    shape = columns["germinate"].shape
    defaults = dict.fromkeys(("incubate", "hold", "fossilize"), np.ones(shape, np.int64))
    tempo = np.full(shape, Tempo.SLOW)
    return SchedulePlans(**defaults | {"tempo": tempo} | columns)


def list_every_plan():
    """Every way to fill two slots, one after the other, in both orders."""
    fills = list(product(TWO_SLOTS.blueprints, Style, range(3)))
    rows = [
        (first, second, *epochs)
        for first, second in product(fills, repeat=2)
        for epochs in ((1, 3), (3, 1), (1, 0), (0, 1))
    ]
    blueprint, style, target = np.array([row[:2] for row in rows]).transpose(2, 0, 1)
    germinate = np.array([row[2:] for row in rows])
    return plan(germinate=germinate, blueprint=blueprint, style=style, alpha_target=target)


def test_more_networks_than_can_be_tried_are_refused_with_their_number():
    check_boundable(SurrogateConfig(slots=4))
    config = SurrogateConfig(slots=5)
    with pytest.raises(ConfigError, match=r"at most 10,000,000, got 1,171,875,000 \(25 ways"):
        compute_clairvoyant(config, draw(config, 1))
    check_boundable(replace(config, blueprints=(Blueprint.NORM, Blueprint.CONV_SMALL)))


def test_what_it_plans_earns_the_bound_when_it_is_played_without_noise():
    draws = draw(QUIET, 48)
    best = compute_clairvoyant(QUIET, draws)
    germinate = np.where(best.order > 0, 2 * best.order - 1, 0)
    schedule = plan(
        germinate=germinate,
        blueprint=best.blueprint,
        style=best.style,
        alpha_target=best.alpha_target,
    )
    gain = play_schedules(QUIET, schedule, draws)
    assert gain == pytest.approx(best.gain, abs=1e-9)
    assert len({tuple(row) for row in best.blueprint}) > 6


def test_of_all_ways_to_fill_the_slots_the_best_reaches_the_bound_and_none_exceeds_it():
    draws = draw(TWO_SLOTS, 4)
    bound = compute_clairvoyant(TWO_SLOTS, draws).gain
    plans = list_every_plan()
    for episode in range(4):
        same = draws.take(np.full(len(plans.hold), episode))
        assert play_schedules(TWO_SLOTS, plans, same).max() == pytest.approx(
            max(bound[episode], 0), abs=1e-9
        )


def test_no_random_schedule_exceeds_the_bound_of_its_episode():
    draws = draw(QUIET, 1)
    rng = np.random.default_rng(0)
    plans = SchedulePlans.stack([draw_plan(QUIET, rng) for _ in range(600)])
    gain = play_schedules(QUIET, plans, draws.take(np.zeros(600, np.int64)))
    assert gain.max() <= compute_clairvoyant(QUIET, draws).gain[0] + 1e-9


def test_slots_are_numbered_in_the_order_of_planting_and_empty_ones_not_at_all():
    best = compute_clairvoyant(SurrogateConfig(), draw(SurrogateConfig(), 64))
    for order, blueprint in zip(best.order, best.blueprint, strict=True):
        planted = order[blueprint != Blueprint.NOOP]
        assert sorted(planted) == list(range(1, len(planted) + 1))
        assert (order[blueprint == Blueprint.NOOP] == 0).all()


def test_the_bound_does_not_depend_on_the_episodes_beside():
    config = SurrogateConfig()
    draws = draw(config, 80)
    together = compute_clairvoyant(config, draws).gain
    alone = [compute_clairvoyant(config, draws.take(slice(i, i + 1))).gain[0] for i in (0, 41, 79)]
    assert together[[0, 41, 79]] == pytest.approx(alone, abs=1e-12)


def test_less_to_choose_from_and_a_budget_lower_the_bound():
    config = SurrogateConfig()
    draws = draw(config, 64)
    best = compute_clairvoyant(config, draws).gain
    fewer = replace(config, blueprints=(Blueprint.NORM, Blueprint.CONV_SMALL))
    frugal = replace(config, max_parameters=config.host_parameters + 100)
    broke = replace(config, max_parameters=config.host_parameters)
    assert (compute_clairvoyant(fewer, draws).gain <= best).all()
    assert compute_clairvoyant(fewer, draws).gain.mean() < 0.8 * best.mean()
    assert compute_clairvoyant(frugal, draws).gain.mean() < best.mean()
    assert (compute_clairvoyant(broke, draws).gain == 0).all()


def test_seeds_that_cannot_be_committed_in_time_are_not_counted():
    config = replace(SurrogateConfig(), max_epochs=14)
    best = compute_clairvoyant(config, draw(config, 32))
    assert (best.order > 0).sum(axis=1).max() == 2

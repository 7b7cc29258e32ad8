"""The search for the best thresholds of the heuristic."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from tamiyo.contracts import Blueprint
from tamiyo.controller import Heuristic, HeuristicConfig
from tamiyo.environment.surrogate import SurrogateConfig, SurrogateVectorEnv, play_controllers
from tamiyo.environment.yardsticks.heuristic_search import HeuristicFamily, search_heuristic

SMALL = replace(
    SurrogateConfig(),
    slots=1,
    max_epochs=18,
    closing_epochs=2,
    needs=("conditioning",),
    blueprints=(Blueprint.NORM, Blueprint.CONV_HEAVY),
)


def test_drawn_thresholds_use_blueprints_of_the_hosts_only():
    family = HeuristicFamily(SMALL)
    rng = np.random.default_rng(0)
    drawn = [family.draw(rng) for _ in range(40)]
    assert {b for thresholds in drawn for b in thresholds.blueprints} == set(SMALL.blueprints)
    assert {len(thresholds.blueprints) for thresholds in drawn} == {1, 2}
    unmoved = HeuristicConfig()
    for item in fields(HeuristicConfig):
        assert any(getattr(one, item.name) != getattr(unmoved, item.name) for one in drawn)


def test_descendants_keep_most_thresholds():
    family = HeuristicFamily(SMALL)
    rng = np.random.default_rng(0)
    parent = family.draw(rng)
    children = [family.vary(parent, rng) for _ in range(50)]
    names = [item.name for item in fields(HeuristicConfig)]
    same = [[getattr(parent, name) == getattr(child, name) for name in names] for child in children]
    assert 0.75 < np.mean(same) < 0.95


def test_thresholds_play_the_episodes_of_their_seeds():
    env = SurrogateVectorEnv(3, SMALL)
    outcomes = play_controllers(env, [Heuristic(HeuristicConfig()) for _ in range(3)], seed=4)
    gains = HeuristicFamily(SMALL).play([HeuristicConfig()] * 2, range(4, 7))
    assert gains.tolist() == [(outcomes.score - outcomes.host_score).tolist()] * 2


def test_the_search_finds_thresholds_that_gain_more_than_the_default():
    best = search_heuristic(SMALL, tries=16, generations=2, seed=0)
    family = HeuristicFamily(SMALL)
    gains = family.play([best, HeuristicConfig()], range(32)).mean(axis=1)
    assert gains[0] > gains[1] + 0.5
    assert best.blueprints[0] == Blueprint.NORM

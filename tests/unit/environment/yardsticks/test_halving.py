"""Successive halving on a family whose best candidate is known."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import ConfigError
from tamiyo.environment.yardsticks.halving import halve, search_family


class Numbers:
    """Candidates are numbers; they gain themselves, plus noise that depends on the episode."""

    def __init__(self, noise=0.5):
        self.noise = noise
        self.seeds = []
        self.episodes = 0

    def draw(self, rng):
        return float(rng.uniform(0, 1))

    def vary(self, parent, rng):
        return parent + float(rng.normal(0, 0.1))

    def play(self, candidates, seeds):
        self.seeds.append(seeds)
        self.episodes += len(candidates) * len(seeds)
        noise = [np.random.default_rng(seed).standard_normal(1000) for seed in seeds]
        own = np.array([[row[int(1e6 * c) % 1000] for row in noise] for c in candidates])
        return np.array(candidates)[:, np.newaxis] + self.noise * own


def ignore(_share):
    pass


def test_halving_finds_one_of_the_best_with_a_fraction_of_the_episodes():
    candidates = np.random.default_rng(0).permutation(np.linspace(0, 1, 200)).tolist()
    family = Numbers()
    best = halve(family, candidates, first_seed=0, on_progress=ignore)
    assert best[0] > 0.9
    assert family.episodes < 0.15 * 200 * family.seeds[-1].stop


def test_no_episode_is_played_twice():
    family = Numbers()
    halve(family, [0.1 * number for number in range(100)], first_seed=50, on_progress=ignore)
    played = [seed for seeds in family.seeds for seed in seeds]
    assert played == list(range(50, 50 + len(played)))


def test_the_finalists_are_ranked_by_fresh_episodes():
    family = Numbers(noise=0.0)
    ranking = halve(family, [0.3, 0.9, 0.1, 0.5], first_seed=0, on_progress=ignore)
    assert ranking == [0.9, 0.5, 0.3, 0.1]
    assert len(halve(family, [0.1] * 50, first_seed=0, on_progress=ignore)) == 10


def test_later_generations_descend_from_the_best_and_go_beyond_them():
    first = search_family(Numbers(), tries=64, generations=1, seed=1, on_progress=ignore)
    last = search_family(Numbers(), tries=64, generations=5, seed=1, on_progress=ignore)
    assert first <= 1.0 < last


def test_a_search_is_a_function_of_its_seed():
    found = [
        search_family(Numbers(), tries=40, generations=2, seed=seed, on_progress=ignore)
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]


def test_progress_rises_to_one():
    shares = []
    search_family(Numbers(), tries=80, generations=3, seed=0, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)])
def test_nothing_to_try_is_refused(numbers):
    tries, generations = numbers
    with pytest.raises(ConfigError, match=f"at least 1, got {tries} and {generations}"):
        search_family(Numbers(), tries=tries, generations=generations, seed=0, on_progress=ignore)

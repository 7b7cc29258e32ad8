"""Everything random of an episode comes from the environment's own generator, at its beginning."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.draws import EpisodeDraws, draw_episode


def draw(seed, **changes):
    return draw_episode(SurrogateConfig(**changes), np.random.default_rng(seed))


def flatten(draws):
    return np.concatenate([np.ravel(getattr(draws, item.name)) for item in fields(draws)])


def test_the_same_generator_draws_the_same_episode_and_another_one_another():
    assert np.array_equal(flatten(draw(3)), flatten(draw(3)))
    assert not np.array_equal(flatten(draw(3)), flatten(draw(4)))


def test_stacked_draws_can_be_replaced_one_environment_at_a_time():
    stacked = EpisodeDraws.stack([draw(0), draw(1)])
    stacked.put(1, draw(2))
    assert np.array_equal(stacked.worth[0], draw(0).worth[0])
    assert np.array_equal(stacked.worth[1], draw(2).worth[0])
    assert np.array_equal(stacked.noise[1], draw(2).noise[0])


def test_every_need_comes_up():
    config = SurrogateConfig()
    rng = np.random.default_rng(0)
    seen = {int(draw_episode(config, rng).need[0]) for _ in range(200)}
    assert seen == set(range(len(config.needs)))


def test_without_variation_hosts_of_one_need_are_the_same_but_for_the_noise():
    one, other = (draw(seed, needs=("context",), variation=0.0) for seed in (0, 1))
    assert np.array_equal(one.worth, other.worth)
    assert one.plateau == other.plateau
    assert not np.array_equal(one.noise, other.noise)


def test_noise_has_the_configured_size():
    assert abs(draw(0, noise_points=2.0).noise.std() - 2.0) < 0.2
    assert not draw(0, noise_points=0.0).noise.any()


def test_luck_makes_seeds_better_or_worse_but_never_turns_harm_into_help():
    worths = np.stack([draw(seed, needs=("restraint",)).worth[0] for seed in range(50)])
    assert worths.std(axis=0).max() > 0.3
    assert ((worths > 0).all(axis=0) | (worths <= 0).all(axis=0)).all()

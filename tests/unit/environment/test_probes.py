from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tamiyo.environment.probes import PROBES
from tamiyo.observation import is_allowed, sample_uniform

NAMES = list(PROBES)


def best_return(probe) -> float:
    """Try every legal action at every step; actions change nothing but the reward."""
    every = np.array(list(product(*map(range, probe.action_spec.nvec))))
    total = 0.0
    for step, bit in product(range(probe.episode_length), range(2)):
        masks = np.tile(probe.masks[step, bit], (len(every), 1))
        legal = is_allowed(probe.action_spec, masks, every)
        total += probe.rewards[(step, bit, *every[legal].T)].max() / 2
    return total


@pytest.mark.parametrize("name", NAMES)
def test_optimal_return_is_that_of_the_best_legal_action_everywhere(name):
    assert PROBES[name].optimal_return == pytest.approx(best_return(PROBES[name]))


@pytest.mark.parametrize("name", NAMES)
def test_random_return_is_that_of_uniform_legal_choices(name):
    probe, rng, episodes = PROBES[name], np.random.default_rng(0), 20_000
    bits = np.arange(episodes) % 2
    total = 0.0
    for step in {*range(probe.episode_length)} & {0, 1, 2, probe.episode_length - 1}:
        steps = np.full(episodes, step)
        actions = sample_uniform(probe.action_spec, probe.masks[steps, bits], rng)
        total += probe.pay(steps, bits, actions)[0].mean()
    assert probe.random_return == pytest.approx(total, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_a_probe_fit_each_other(name):
    probe = PROBES[name]
    length, bits = probe.episode_length, 2
    assert probe.observations.shape[:2] == (length, bits)
    assert np.abs(probe.observations).max() <= 1
    assert probe.masks.shape == (length, bits, probe.action_spec.mask_size)
    assert probe.rewards.shape == (length, bits, *probe.action_spec.nvec)


def test_an_illegal_action_is_paid_as_the_neutral_one():
    probe = PROBES["ForbiddenBest"]
    rewards, valid = probe.pay(np.zeros(2, int), np.array([0, 1]), np.array([[2], [2]]))
    assert valid.tolist() == [False, True]
    assert rewards.tolist() == [0.0, 2.0]


def test_a_head_that_is_not_used_does_not_make_an_action_illegal():
    probe = PROBES["ConditionalHead"]
    rewards, valid = probe.pay(np.zeros(2, int), np.array([1, 1]), np.array([[0, 2], [1, 2]]))
    assert valid.all()
    assert rewards.tolist() == [0.5, 1.0]


def test_the_bit_is_shown_once_and_cannot_be_read_off_later():
    observations = PROBES["RememberBit20"].observations
    assert (observations[0, 0] != observations[0, 1]).any()
    assert np.array_equal(observations[1:, 0], observations[1:, 1])

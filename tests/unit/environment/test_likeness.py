"""Synthetic hosts that are like those of digits-cnn."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from tamiyo.contracts import Blueprint
from tamiyo.environment.likeness import build_digits_config, make_digits, make_digits_vector
from tamiyo.environment.surrogate.needs import HOST_NEEDS, NEEDS
from tamiyo.tasks import get_task

DIGITS = get_task("digits-cnn")


def test_episodes_are_as_long_and_as_dear_as_the_real_ones():
    likeness, real = build_digits_config().task, DIGITS.config
    for name in ("max_epochs", "closing_epochs", "rent_points"):
        assert getattr(likeness, name) == getattr(real, name)


def test_there_is_a_need_for_every_kind_of_host_that_controllers_are_trained_on():
    kinds = [name.replace(", ", "-") for name in DIGITS.distribution.varied]
    assert sorted(HOST_NEEDS) == sorted(f"like-{kind}" for kind in kinds)


def test_one_environment_and_many_have_the_same_hosts():
    first, _ = gymnasium.make_vec("tamiyo/SurrogateDigits-v0", num_envs=2).reset(seed=[3, 4])
    assert np.array_equal(first, make_digits_vector(2).reset(seed=[3, 4])[0])
    assert np.array_equal(first[0], make_digits().reset(seed=3)[0])


@pytest.mark.parametrize("kind", DIGITS.distribution.varied)
def test_growing_pays_where_it_pays_on_real_hosts(kind):
    heavy = NEEDS[f"like-{kind.replace(', ', '-')}"].worth[Blueprint.CONV_HEAVY]
    assert (heavy > 0) == ("noisy" not in kind)

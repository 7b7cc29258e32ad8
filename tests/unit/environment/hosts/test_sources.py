"""Where hosts come from: processes for many, this process for few."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.environment.hosts.building import EpisodeKey
from tamiyo.environment.hosts.sources import PopulationSource
from tests.support.host_envs import DECISIONS, QUICK, assert_same, build_env, play_random


def list_keys(count, first=0):
    return [EpisodeKey(seed=first + row, environment=row) for row in range(count)]


@pytest.fixture
def source():
    source = PopulationSource(QUICK, workers=2)
    yield source
    source.close()


def test_processes_are_lent_once_and_used_again(source):
    one = source.open(list_keys(8))
    # A second population finds them lent, and a small one does without.
    assert type(source.open(list_keys(8))) is not type(one)
    one.close()
    other = source.open(list_keys(8, first=20))
    assert type(other) is type(one)
    assert other.initial[0].measured != one.initial[0].measured
    other.close()
    assert type(source.open(list_keys(3))) is not type(one)


def test_a_population_of_another_size_gets_processes_of_its_own(source):
    source.open(list_keys(8)).close()
    larger = source.open(list_keys(10))
    assert len(larger.step([None] * 10)) == 10
    larger.begin_closing()
    assert len(larger.judge()) == 10


def test_episodes_are_the_same_bytes_in_processes_and_here():
    here, start = build_env(8)
    there, other = build_env(8, workers=2)
    np.testing.assert_array_equal(start[0], other[0])
    ours = list(play_random(here, start, DECISIONS + 1))
    for one, two in zip(ours, play_random(there, other, DECISIONS + 1), strict=True):
        assert_same(one, two)
    there.close()

from __future__ import annotations

import pytest

from tamiyo.contracts import ConfigError
from tamiyo.engine.workers.sharding import split_into_shards


@pytest.mark.parametrize(
    ("environments", "workers", "sizes"),
    [
        (1, 1, [1]),
        (5, 1, [5]),
        (4, 2, [2, 2]),
        (5, 2, [3, 2]),
        (5, 3, [2, 2, 1]),
        (8, 3, [3, 3, 2]),
    ],
)
def test_shards_are_as_equal_as_they_can_be(environments, workers, sizes):
    assert [len(shard) for shard in split_into_shards(environments, workers)] == sizes


@pytest.mark.parametrize("environments", range(1, 9))
@pytest.mark.parametrize("workers", range(1, 11))
def test_shards_hold_every_environment_once_and_in_order(environments, workers):
    shards = split_into_shards(environments, workers)
    assert [index for shard in shards for index in shard] == list(range(environments))
    assert all(shards)


def test_a_worker_without_an_environment_is_not_started():
    assert split_into_shards(2, 7) == [range(1), range(1, 2)]


@pytest.mark.parametrize("workers", [0, -1])
def test_no_worker_is_refused(workers):
    with pytest.raises(ConfigError, match=f"workers must be at least 1, got {workers}"):
        split_into_shards(3, workers)


def test_no_environment_is_refused():
    with pytest.raises(ConfigError, match="environments must be at least 1, got 0"):
        split_into_shards(0, 2)

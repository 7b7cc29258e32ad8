"""Which worker owns which environments."""

from __future__ import annotations

from itertools import pairwise

from tamiyo.contracts import ConfigError

__all__ = ["split_into_shards"]


def split_into_shards(environments: int, workers: int) -> list[range]:
    """Deal environments to workers in contiguous shards whose sizes differ by at most one.

    No worker is left without an environment: more workers than environments are reduced to one
    each.

    Args:
        environments: Number of environments, at least 1.
        workers: Number of workers, at least 1.

    Raises:
        ConfigError: If there is no environment or no worker.

    >>> split_into_shards(5, 2)
    [range(0, 3), range(3, 5)]
    """
    for name, count in (("environments", environments), ("workers", workers)):
        if count < 1:
            message = f"{name} must be at least 1, got {count}"
            raise ConfigError(message)
    workers = min(workers, environments)
    size, larger = divmod(environments, workers)
    bounds = (index * size + min(index, larger) for index in range(workers + 1))
    return [range(begin, end) for begin, end in pairwise(bounds)]

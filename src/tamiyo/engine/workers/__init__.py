"""A population in worker processes: shards, what is said to them, and what they share."""

from __future__ import annotations

from tamiyo.engine.workers.population import WorkerPopulation
from tamiyo.engine.workers.shard import Encoding
from tamiyo.engine.workers.shared_arrays import ArrayField, SharedArrays

__all__ = ["ArrayField", "Encoding", "SharedArrays", "WorkerPopulation"]

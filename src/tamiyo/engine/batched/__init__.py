"""Train a whole population as one network."""

from __future__ import annotations

from tamiyo.engine.batched.population import BatchedPopulation

__all__ = ["BatchedPopulation"]

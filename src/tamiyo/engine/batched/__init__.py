"""Train a whole population as one network."""

from __future__ import annotations

from tamiyo.engine.batched.bank import Bank, Chosen
from tamiyo.engine.batched.layers import as_samples, ask_for_equal_bits, stack_module
from tamiyo.engine.batched.optimizers import find_unsupported
from tamiyo.engine.batched.population import BatchedPopulation
from tamiyo.engine.batched.work import StructureWork

__all__ = [
    "Bank",
    "BatchedPopulation",
    "Chosen",
    "StructureWork",
    "as_samples",
    "ask_for_equal_bits",
    "find_unsupported",
    "stack_module",
]

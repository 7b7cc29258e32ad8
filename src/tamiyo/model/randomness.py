"""Owned randomness for layers that can only draw from PyTorch's global generator.

Initializers and dropout take no generator argument, so an environment lends its own state to the
global generator for the length of a ``with`` block and takes it back afterwards.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["drawing_from", "preserving_buffers"]


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Draw from ``generator`` wherever the block would draw from the global CPU generator.

    Args:
        generator: An owned CPU generator; it advances by what the block draws.

    The global generator is left exactly as it was.
    """
    outside = torch.random.get_rng_state()
    torch.random.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.random.get_rng_state())
        torch.random.set_rng_state(outside)


@contextmanager
def preserving_buffers(module: nn.Module) -> Iterator[None]:
    """Put back every buffer of ``module`` that the block changes or replaces."""
    kept = [(name, buffer, buffer.clone()) for name, buffer in module.named_buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer, before in kept:
                path, _, leaf = name.rpartition(".")
                setattr(module.get_submodule(path), leaf, buffer.copy_(before))

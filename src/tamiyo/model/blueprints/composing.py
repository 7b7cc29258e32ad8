"""Blend a seed into its host, in the words of contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.model.modules import Algorithm
from tamiyo.model.modules import compose as compose_module

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.contracts import AlphaAlgorithm
    from tamiyo.model.modules import SeedModule

__all__ = ["compose", "name_algorithm"]


def name_algorithm(algorithm: AlphaAlgorithm) -> Algorithm:
    """Return what an algorithm is called where contracts are not known."""
    return Algorithm[algorithm.name]


def compose(
    features: Tensor, module: SeedModule, weights: tuple[tuple[AlphaAlgorithm, float], ...]
) -> Tensor:
    """Blend a seed into the host: y = h + sum of a * delta(h) over the styles in effect.

    Args:
        features: The host's features h.
        module: The seed.
        weights: Algorithms in effect with their alpha; zero alphas are left out by the caller.

    Returns:
        Features of the same dtype; ``features`` itself when nothing is in effect, so that alpha 0
        is bit-equal to no seed.
    """
    named = tuple((name_algorithm(algorithm), alpha) for algorithm, alpha in weights)
    return compose_module(features, module, named)

"""Search for the candidate that gains most on average, without playing all of them often.

After Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization": every round plays the candidates that are left on as many new episodes as all rounds
before together, the same for all of them, and keeps the better half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import numpy as np

from tamiyo.contracts import ConfigError, derive_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Family", "halve", "search_family"]

_FIRST_EPISODES: Final = 8
_FINALISTS: Final = 10

Candidate = TypeVar("Candidate")


class Family(Protocol[Candidate]):
    """What candidates are drawn from and how they are played."""

    def draw(self, rng: np.random.Generator) -> Candidate:
        """Draw a candidate at random."""
        ...

    def vary(self, parent: Candidate, rng: np.random.Generator) -> Candidate:
        """Draw a candidate that is like another one in most respects."""
        ...

    def play(self, candidates: Sequence[Candidate], seeds: range) -> NDArray[np.float64]:
        """Play each of C candidates on the episodes of E seeds.

        Returns:
            What they gain over the host alone, points, ``[C, E]``.
        """
        ...


def search_family(
    family: Family[Candidate],
    *,
    tries: int,
    generations: int,
    seed: int,
    on_progress: Callable[[float], None],
) -> Candidate:
    """Search by successive halving, generation by generation.

    The first generation is drawn at random; every later one is made of the best of the one before
    it and of others that are like them.

    Args:
        family: The candidates.
        tries: Candidates of the first generation, at least 1; later ones have half as many new.
        generations: Generations, at least 1.
        seed: Seed of the candidates and of the episodes they are played on.
        on_progress: Told the share of the work that is over, in (0, 1].

    Returns:
        The best candidate. Its gain is to be measured on episodes of other seeds.

    Raises:
        ConfigError: If there is nothing to try.
    """
    if min(tries, generations) < 1:
        message = f"tries and generations must be at least 1, got {tries} and {generations}"
        raise ConfigError(message)
    rng = np.random.default_rng(derive_seed(seed, 0, "candidates"))
    alive = [family.draw(rng) for _ in range(tries)]
    for generation in range(generations):
        if generation > 0:
            parents = rng.integers(len(alive), size=tries // 2)
            alive += [family.vary(alive[parent], rng) for parent in parents]

        def report(share: float, over: int = generation) -> None:
            on_progress((over + share) / generations)

        first_seed = derive_seed(seed, generation, "episodes of candidates")
        alive = halve(family, alive, first_seed=first_seed, on_progress=report)
    return alive[0]


def halve(
    family: Family[Candidate],
    candidates: Sequence[Candidate],
    *,
    first_seed: int,
    on_progress: Callable[[float], None],
) -> list[Candidate]:
    """Rank the best candidates by episodes that none of them was picked by.

    Args:
        family: Plays the candidates.
        candidates: At least one.
        first_seed: Seed of the first episode; the others have the next ones.
        on_progress: Told the share of the rounds that is over, in (0, 1].

    Returns:
        At most ten candidates, the best first.
    """
    left = list(candidates)
    gains = np.zeros(len(left))
    seeds = range(first_seed, first_seed + _FIRST_EPISODES)
    rounds = max(0, int(np.ceil(np.log2(len(left) / _FINALISTS))))
    for done in range(rounds):
        gains += family.play(left, seeds).sum(axis=1)
        best = np.argsort(-gains, kind="stable")[: max(_FINALISTS, len(left) // 2)]
        left, gains = [left[index] for index in best], gains[best]
        seeds = range(seeds.stop, 2 * seeds.stop - first_seed)
        on_progress((done + 1) / (rounds + 1))
    final = family.play(left, seeds).mean(axis=1)
    on_progress(1.0)
    return [left[index] for index in np.argsort(-final, kind="stable")]

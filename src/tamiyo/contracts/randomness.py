"""Seeds of random generators: one per run, environment and purpose."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["SeedStream", "derive_seed"]


def derive_seed(run_seed: int, environment: int, purpose: str) -> int:
    """Derive the seed of one generator, the same on every machine and in every process.

    Args:
        run_seed: Seed of the run, any integer.
        environment: Index of the environment, so that it does not matter how many run beside it.
        purpose: What the generator is for, for example ``"data"``.

    Returns:
        An integer in ``[0, 2**63)``.
    """
    text = f"{run_seed}/{environment}/{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, kw_only=True)
class SeedStream:
    """One of a run's streams of random numbers.

    Attributes:
        run_seed: Seed of the run, any integer.
        stream: Which of the run's streams, by default the first.
    """

    run_seed: int
    stream: int = 0

    def derive(self, purpose: str) -> int:
        """Derive the seed of one generator, as :func:`derive_seed` does."""
        return derive_seed(self.run_seed, self.stream, purpose)

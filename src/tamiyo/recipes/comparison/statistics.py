"""Interquartile means and bootstrap intervals of paired differences (Agarwal et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tamiyo.contracts import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Interval", "compute_interquartile_mean", "compute_paired_interval"]

_RESAMPLES: Final = 10_000
_CONFIDENCE: Final = 0.95
_QUARTER: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An interquartile mean with its 95 % percentile bootstrap interval."""

    mean: float
    low: float
    high: float


def compute_interquartile_mean(values: Sequence[float]) -> float:
    """Compute the mean of the middle half of the values; at least one value.

    >>> compute_interquartile_mean([0.0, 1.0, 3.0, 100.0])
    2.0
    """
    from scipy import stats  # slow to import, and only a comparison needs it

    return float(stats.trim_mean(np.asarray(values, dtype=np.float64), _QUARTER))


def compute_paired_interval(
    values: Sequence[float], reference: Sequence[float], *, seed: int
) -> Interval:
    """Compute the interquartile mean of ``values - reference`` and its interval.

    Args:
        values: One number per seed.
        reference: One number per seed, the same seeds in the same order.
        seed: Seed of the resampling.

    Returns:
        The interval; of no width for one pair or when every pair has the same difference.

    Raises:
        ConfigError: If the lengths differ.
    """
    from scipy import stats  # as above

    if len(values) != len(reference):
        message = f"reference must have {len(values)} numbers like values, got {len(reference)}"
        raise ConfigError(message)
    differences = np.subtract(values, reference)
    mean = compute_interquartile_mean(differences.tolist())
    if len(differences) == 1 or np.ptp(differences) == 0:
        return Interval(mean=mean, low=mean, high=mean)
    result: Any = stats.bootstrap(
        (differences,),
        lambda sample, axis: stats.trim_mean(sample, _QUARTER, axis=axis),
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = result.confidence_interval
    return Interval(mean=mean, low=float(interval.low), high=float(interval.high))

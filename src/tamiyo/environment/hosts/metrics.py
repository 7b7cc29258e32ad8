"""EpisodeMetrics: what episodes came to, averaged over a rollout."""

from __future__ import annotations

import math
from dataclasses import fields
from statistics import fmean
from typing import TYPE_CHECKING, Final

import numpy as np

from tamiyo.contracts import (
    GAIN_METRIC,
    SCORE_METRIC,
    THRASHING_METRIC,
    EpisodeCounters,
    RewardParts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tamiyo.environment.hosts.cohort import EpisodeEnd

__all__ = ["EpisodeMetrics"]

_PARTS: Final = tuple(item.name for item in fields(RewardParts))
_COUNTED: Final = tuple(item.name for item in fields(EpisodeCounters))
_ENDS: Final = (
    SCORE_METRIC,
    "episode/parameters",
    "episode/diverged_fraction",
    THRASHING_METRIC,
    GAIN_METRIC,
    *(f"episode/{name}" for name in _COUNTED),
)


class EpisodeMetrics:
    """Adds up steps and the ends of episodes."""

    def __init__(self) -> None:
        self._parts = np.zeros(len(_PARTS))
        self._steps = 0
        self._ends: list[list[float]] = []

    def take(self, parts: NDArray[np.float64], ends: Iterable[EpisodeEnd]) -> None:
        """Take in one step of all environments.

        Args:
            parts: What each was paid, ``[N, parts]``.
            ends: The episodes that ended.
        """
        self._parts += parts.sum(0)
        self._steps += len(parts)
        self._ends.extend(_measure(end) for end in ends)

    def compute(self) -> dict[str, float]:
        """Return means: reward parts over steps, all else over episodes that ended.

        What was never measured is left out.
        """
        found: dict[str, float] = {}
        if self._steps:
            means = (self._parts / self._steps).tolist()
            found |= {f"reward/{name}": mean for name, mean in zip(_PARTS, means, strict=True)}
        for index, name in enumerate(_ENDS):
            known = [end[index] for end in self._ends if not math.isnan(end[index])]
            if known:
                found[name] = fmean(known)
        return found

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """Return all that was taken in, as arrays."""
        return {
            "metric_parts": self._parts.copy(),
            "metric_steps": np.array([self._steps], np.float64),
            "metric_ends": np.array(self._ends, np.float64).reshape(-1, len(_ENDS)),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on where another one stood.

        Args:
            state: What holds the arrays of its :meth:`state_dict`.
        """
        self._parts = state["metric_parts"].copy()
        self._steps = int(state["metric_steps"][0])
        self._ends = state["metric_ends"].tolist()


def _measure(end: EpisodeEnd) -> list[float]:
    """Say what an episode came to, in the order of ``_ENDS``; NaN for what is not known."""
    return [
        end.score,
        end.parameters,
        end.diverged,
        end.is_thrashing,
        math.nan if end.host_score is None else end.score - end.host_score,
        *(math.nan if count is None else count for count in vars(end.counters).values()),
    ]

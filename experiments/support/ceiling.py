"""How much adapting to the host can win at all, by what fixed schedules scored on each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["WAIT", "Ceiling", "gather_gains", "measure_ceiling"]

WAIT = "wait"
"""Name of the schedule that plants nothing."""


class Ceiling(NamedTuple):
    """Mean points beyond waiting, on seeds that nothing was chosen on.

    Attributes:
        own: Of the best schedule of each kind.
        common: Of the best schedule for all kinds.
    """

    own: float
    common: float


def gather_gains(
    results: Mapping[str, Mapping[str, Sequence[float]]], kinds: Sequence[str]
) -> NDArray[np.float64]:
    """Return what every schedule gains over waiting on the same seed, ``[kinds, plans, seeds]``.

    Args:
        results: Kind of host to schedule to its scores, a point per seed.
        kinds: Which kinds.
    """
    scores = np.array([list(results[kind].values()) for kind in kinds])
    waiting = list(results[kinds[0]]).index(WAIT)
    gains: NDArray[np.float64] = scores - scores[:, waiting : waiting + 1]
    return gains


def measure_ceiling(gains: NDArray[np.float64]) -> Ceiling:
    """Choose on the even seeds and score on the odd ones, and the other way round.

    Args:
        gains: From :func:`gather_gains`.
    """
    own, common = [], []
    for chosen, scored in ((0, 1), (1, 0)):
        picked, judged = gains[:, :, chosen::2].mean(2), gains[:, :, scored::2].mean(2)
        every = np.arange(len(gains))
        own.append(judged[every, picked.argmax(1)])
        common.append(judged[:, picked.mean(0).argmax()])
    return Ceiling(float(np.mean(own)), float(np.mean(common)))

"""ScaffoldLedger: seeds that helped a later one share, in hindsight, in what it was worth."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ScaffoldLedger"]


@dataclass(frozen=True, kw_only=True)
class _Boost:
    points: float
    epoch: int


class ScaffoldLedger:
    """Remembers who boosted whom, and owes each credit exactly once.

    Args:
        most_points: Most that is credited in an episode.
        weight: Points per point of boost.
        discount: Per epoch from the boost to the commitment, in [0, 1].

    Attributes:
        pending: Credit that was earned and not delivered yet, points.
        delays: Epochs from boost to commitment of every credit.
    """

    def __init__(self, *, most_points: float, weight: float, discount: float) -> None:
        self.pending = 0.0
        self.delays: list[int] = []
        self._left = most_points
        self._weight = weight
        self._discount = discount
        self._boosts: dict[tuple[str, str], _Boost] = {}

    @property
    def mean_delay(self) -> float | None:
        """Mean epochs from boost to commitment; ``None`` without any."""
        return fmean(self.delays) if self.delays else None

    def record(self, scaffold: str, boosted: str, points: float, *, epoch: int) -> None:
        """Note that an older seed boosts a younger one; the largest boost counts.

        Args:
            scaffold: Id of the older seed.
            boosted: Id of the younger one.
            points: Their interaction, points; nothing is noted unless it is positive.
            epoch: When it was measured.
        """
        known = self._boosts.get((scaffold, boosted))
        if points > 0 and (known is None or points > known.points):
            self._boosts[scaffold, boosted] = _Boost(points=points, epoch=epoch)

    def settle(self, boosted: str, *, epoch: int) -> None:
        """Credit the scaffolds of a seed that was committed.

        Args:
            boosted: Id of that seed.
            epoch: When it was.
        """
        for (scaffold, name), boost in list(self._boosts.items()):
            if name != boosted:
                continue
            del self._boosts[scaffold, name]
            delay = epoch - boost.epoch
            credit = min(self._left, self._weight * boost.points * self._discount**delay)
            if credit > 0:
                self._left -= credit
                self.pending += credit
                self.delays.append(delay)

    def forget(self, living: Mapping[str, object]) -> None:
        """Drop the entries of boosted seeds that are gone.

        Args:
            living: Ids of the seeds that live.
        """
        self._boosts = {pair: boost for pair, boost in self._boosts.items() if pair[1] in living}

    def deliver(self) -> float:
        """Hand over what is owed; afterwards nothing is."""
        owed, self.pending = self.pending, 0.0
        return owed

    def __len__(self) -> int:
        """Number of boosts that are remembered."""
        return len(self._boosts)

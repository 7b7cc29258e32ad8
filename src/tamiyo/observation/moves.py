"""MoveTracker: which numbers of an observation changed most since the decision before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tamiyo.contracts import FieldMove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tamiyo.observation.layout import ObservationLayout

__all__ = ["MoveTracker"]

_MOST_MOVES: Final = 5


class MoveTracker:
    """Compares the observations of one host, decision by decision.

    Args:
        layout: Their fields.
        slot_ids: Slots of the host, in the order of the layout.

    Attributes:
        last: The observation of the last decision, float32, ``[size]``, NaN where nothing was
            known; all NaN before the first.
    """

    def __init__(self, layout: ObservationLayout, slot_ids: Sequence[str]) -> None:
        self._names = [_name(field.name, slot_ids) for field in layout.fields]
        self.last: NDArray[np.float32] = np.full(layout.size, np.nan, np.float32)

    def take(
        self, observation: NDArray[np.float32], unknown: NDArray[np.bool_]
    ) -> tuple[FieldMove, ...]:
        """Take in the observation of a decision.

        Args:
            observation: What the controller sees, ``[size]``.
            unknown: Which of it was not measured, ``[size]``.

        Returns:
            The largest changes since the decision before, at most five, the largest first; of equal
            ones the first of the layout. What was unknown then or is now is left out.
        """
        before, after = self.last, np.where(unknown, np.float32(np.nan), observation)
        self.last = after
        sizes = np.nan_to_num(np.abs(after - before), nan=0.0)
        order = np.argsort(-sizes, kind="stable")[:_MOST_MOVES]
        return tuple(
            FieldMove(
                field=self._names[place], before=_round(before[place]), after=_round(after[place])
            )
            for place in order.tolist()
            if sizes[place] > 0
        )

    def forget(self) -> None:
        """Begin anew, as before a first decision."""
        self.last = np.full_like(self.last, np.nan)


def _round(value: np.float32) -> float:
    """Return the shortest number that is the same in single precision."""
    return float(str(value))


def _name(field: str, slot_ids: Sequence[str]) -> str:
    """Name a field after its slot's id instead of its number."""
    first, dot, rest = field.partition(".")
    number = first.removeprefix("slot")
    return f"{slot_ids[int(number)]}.{rest}" if dot and number.isdigit() else field

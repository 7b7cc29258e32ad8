"""What an observation is described by: fields, one number each, and the features they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tamiyo.observation.moment import Moment

__all__ = ["Feature", "ObservationField", "Scale"]


@dataclass(frozen=True, kw_only=True)
class ObservationField:
    """One number of an observation.

    Attributes:
        name: Unique name; that of a slot's field begins with ``slot0.``, ``slot1.`` and so on.
        unit: What was done to the quantity to get the number.
        low: Smallest value; what lies below is cut and counted.
        high: Largest value; what lies above is cut and counted.
        unknown: Code for *not measured*, below ``low``; ``None`` for what is always known.
        meaning: What the quantity is.
    """

    name: str
    unit: str
    low: float
    high: float
    unknown: float | None
    meaning: str


@dataclass(frozen=True)
class Scale:
    """What is done to a quantity.

    Attributes:
        unit: What is done, in words.
        low: Smallest value that leads to.
        high: Largest value that leads to.
        apply: Does it; a ``NaN`` stays one.
        unknown: Code for what is not measured; ``None`` if everything is.
    """

    unit: str
    low: float
    high: float
    apply: Callable[[Moment, NDArray[Any]], NDArray[Any]]
    unknown: float | None = None


@dataclass(frozen=True)
class Feature:
    """One quantity: a field, or several that lie side by side and are read together.

    Attributes:
        name: Its name.
        scale: What is done to it.
        meaning: What it is.
        read: Reads it, ``[N]`` or ``[N, S]``, with one more axis if it has places.
        places: What is added to the name of each of several fields.
        needs_seed: Whether it is 0 in a slot without a seed.
    """

    name: str
    scale: Scale
    meaning: str
    read: Callable[[Moment], NDArray[Any]]
    places: tuple[str, ...] = ()
    needs_seed: bool = True

    @property
    def size(self) -> int:
        """Number of its fields."""
        return max(1, len(self.places))

    def build_fields(self, prefix: str) -> list[ObservationField]:
        """Describe its fields, their names behind a prefix."""
        names = [f"{self.name}_{place}" for place in self.places] or [self.name]
        scale = self.scale
        return [
            ObservationField(
                name=f"{prefix}{name}",
                unit=scale.unit,
                low=scale.low,
                high=scale.high,
                unknown=scale.unknown,
                meaning=self.meaning,
            )
            for name in names
        ]

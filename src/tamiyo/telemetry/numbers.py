"""Numbers that JSON cannot hold: what stands in a log for them, and the way back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["name_non_finite", "read_number", "replace_non_finite"]


def read_number(value: float | str | None) -> float | None:
    """Read a number of an event; ``None`` is what is unknown.

    >>> read_number(2), read_number("-Infinity"), read_number(None)
    (2.0, -inf, None)
    """
    return None if value is None else float(value)


def name_non_finite(value: float) -> str:
    """Return the string that stands for a number in a log.

    >>> name_non_finite(float("nan")), name_non_finite(float("-inf"))
    ('NaN', '-Infinity')
    """
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def replace_non_finite(value: object, replace: Callable[[float], object]) -> object:
    """Replace every number in plain JSON values that is not finite.

    Args:
        value: Dictionaries, lists, strings, numbers.
        replace: Says what stands for such a number.
    """
    if isinstance(value, dict):
        return {key: replace_non_finite(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_non_finite(item, replace) for item in value]
    return replace(value) if isinstance(value, float) and not math.isfinite(value) else value

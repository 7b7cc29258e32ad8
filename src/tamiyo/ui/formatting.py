"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tamiyo.contracts import PairedDifference

__all__ = [
    "format_count",
    "format_difference",
    "format_growth",
    "format_like",
    "format_points",
    "format_si",
]

_LARGEST_WRITTEN_OUT = 100_000
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_PRECISE_BELOW = 10.0
_STEP = 1000
_USUAL_DECIMALS, _LONGEST_WRITTEN_OUT = 3, 8


def format_count(count: float) -> str:
    """Write a count out with thousands marked, or in three digits when it is long.

    >>> format_count(8234), format_count(1_234_567)
    ('8,234', '1.23M')
    """
    return f"{count:,.0f}" if abs(count) < _LARGEST_WRITTEN_OUT else format_si(count)


def format_si(count: float) -> str:
    """Write a count in three digits with an SI prefix.

    >>> format_si(74_400_000_000), format_si(999_999), format_si(12)
    ('74.4G', '1.00M', '12')
    """
    value, power = float(count), 0
    while abs(float(f"{value:.3g}")) >= _STEP and power < len(_PREFIXES) - 1:
        value, power = value / _STEP, power + 1
    if power == 0:
        return f"{value:.0f}"
    whole_digits = len(f"{abs(float(f'{value:.3g}')):.0f}")
    return f"{value:.{max(0, 3 - whole_digits)}f}{_PREFIXES[power]}"


def format_growth(parameters: float, host_parameters: float) -> str:
    """Write how many percent larger than the host a network is.

    >>> format_growth(8554, 8234), format_growth(16468, 8234)
    ('+3.9 %', '+100 %')
    """
    percent = 100 * (parameters / host_parameters - 1)
    return f"{percent:+.1f} %" if abs(percent) < _PRECISE_BELOW else f"{percent:+.0f} %"


def format_difference(difference: PairedDifference, plus_minus: str) -> str:
    """Write the points of a difference with their standard error, which may be unknown.

    Args:
        difference: What to write.
        plus_minus: The sign between a number and its error.
    """
    return format_points(difference.points, difference.points_error, plus_minus)


def format_points(points: float, error: float | None, plus_minus: str) -> str:
    """Write points with their standard error, which may be unknown.

    >>> format_points(2.31, None, "±")
    '+2.3 ± ?'
    """
    return f"{points:+.1f} {plus_minus} {'?' if error is None else f'{error:.1f}'}"


def format_like(value: float, size: float) -> str:
    """Write a number to a thousandth of a size at least, so that numbers of that size line up.

    Args:
        value: What to write.
        size: How large such numbers are; one that is not positive and finite counts as 1.

    >>> format_like(2.3131, 8.0), format_like(0.0123, 0.034), format_like(-4e9, 8.0)
    ('2.313', '0.01230', '-4e+09')
    """
    magnitude = math.floor(math.log10(size if 0 < size < math.inf else 1.0))
    decimals = max(0, _USUAL_DECIMALS - max(0, magnitude - 2) - min(0, magnitude))
    text = f"{value:.{decimals}f}"
    return text if len(text) <= _LONGEST_WRITTEN_OUT else f"{value:.4g}"

"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["format_count", "format_growth", "format_si"]

_LARGEST_WRITTEN_OUT = 100_000
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_PRECISE_BELOW = 10.0
_STEP = 1000


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

"""Print an answer as JSON that any program reads."""

from __future__ import annotations

import json
import math

__all__ = ["print_json"]


def print_json(content: object) -> None:
    """Print one line of JSON.

    Args:
        content: What ``json.dumps`` accepts; besides, numbers that are not finite become the texts
            ``NaN``, ``Infinity`` and ``-Infinity``, as in an event log, and bytes hexadecimal text.
    """
    print(json.dumps(_make_plain(content), allow_nan=False))


def _make_plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _make_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_make_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value.hex() if isinstance(value, bytes) else value

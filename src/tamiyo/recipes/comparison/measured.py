"""What every run of a comparison has measured."""

from __future__ import annotations

from tamiyo.contracts import InvariantError

__all__ = ["require_measured"]


def require_measured(value: float | None) -> float:
    """Return what every task has: a test split, and work that is counted.

    Raises:
        InvariantError: If it is missing.
    """
    if value is None:
        message = "a task must have a test split and work that is counted, got neither"
        raise InvariantError(message)
    return value

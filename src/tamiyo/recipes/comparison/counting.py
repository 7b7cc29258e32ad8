"""Progress of many runs, counted in networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tamiyo.contracts import EpochCompleted, RunStarted

if TYPE_CHECKING:
    from tamiyo.contracts import Event

__all__ = ["EpochCounter", "Report"]

Report = Callable[[float], None]
"""Told of more work that is done, in networks trained from their first to their last epoch."""


class EpochCounter:
    """A sink that keeps nothing of one run's events but how far it is.

    Args:
        report: Told of every epoch.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._share = 0.0

    def emit(self, event: Event) -> None:
        """Report an epoch's share of the run."""
        if isinstance(event, RunStarted):
            self._share = 1 / event.epochs
        elif isinstance(event, EpochCompleted):
            self._report(self._share)

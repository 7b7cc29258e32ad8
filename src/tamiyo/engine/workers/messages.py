"""What is said over the pipe between a population and its workers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import AdaptationCommand, Event, TamiyoError

__all__ = ["Begin", "BeginClosing", "Crash", "Judge", "Order", "Reply", "Request", "Step"]


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Build the shard's population and begin an episode; answered by its first results.

    Attributes:
        keys: What identifies the shard's environments.
    """

    keys: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Train every environment of the shard for one epoch.

    Attributes:
        commands: One command per environment, or one row of choices per environment; ``None`` for
            the rows that lie in shared memory.
        wants_results: Whether the results are to come back over the pipe.
    """

    commands: tuple[AdaptationCommand | None, ...] | NDArray[np.int64] | None
    wants_results: bool

    def keep(self, rows: NDArray[np.int64]) -> Step:
        """Return what can be carried out again when the shared rows hold something else.

        Args:
            rows: The shard's rows in shared memory.
        """
        if self.commands is not None:
            return self
        return replace(self, commands=rows.copy())


@dataclass(frozen=True, kw_only=True)
class BeginClosing:
    """Send every uncommitted seed on its way out."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judge every committed network; answered by the judgments."""


Order: TypeAlias = Begin | Step | BeginClosing | Judge


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing to do, answered by one :class:`Reply`.

    Attributes:
        order: What to do.
        history: What a process that was lost had done since the episode began, to be done again
            first, in silence.
    """

    order: Order
    history: tuple[Order, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to a request.

    Attributes:
        value: What the order gave.
        events: What the order's environments told, in order.
        error: What the shard refused the order with; ``None`` if it did not.
    """

    value: Any
    events: tuple[Event, ...]
    error: TamiyoError | None


@dataclass(frozen=True, kw_only=True)
class Crash:
    """A worker's last words.

    Attributes:
        report: The traceback of what ended it.
    """

    report: str

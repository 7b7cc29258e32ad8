"""The environments of one worker, inside its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import (
    AdaptationCommand,
    Event,
    EventSink,
    NullSink,
    ShapeError,
    TamiyoDecision,
)
from tamiyo.engine.member import StepResult
from tamiyo.engine.workers.messages import Begin, BeginClosing, Judge, Order, Step
from tamiyo.engine.workers.shared_arrays import ArrayField, SharedArrays

if TYPE_CHECKING:
    from tamiyo.engine.populations import Population

__all__ = ["Assignment", "Build", "Encoding", "Shard"]

Build: TypeAlias = "Callable[[Sequence[Any], EventSink], Population]"


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """What workers make of their results and leave in shared memory.

    Attributes:
        fields: The arrays it gives.
        encode: From the results of a shard to arrays by name, one row per result. It must survive
            pickling. Every episode begins with a fresh copy, which sees the first results and every
            step's in order, so it may remember.
    """

    fields: tuple[ArrayField, ...]
    encode: Callable[[Sequence[StepResult]], Mapping[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker is told once.

    Attributes:
        build: Builds the population of some keys.
        rows: The environments it owns.
        actions: Where rows of choices are read.
        encoding: What becomes of results; ``None`` for nothing.
        arrays: Where the encoded results are left.
        wants_events: Whether events are collected.
        flushes_denormals: Whether its processor is to round denormal numbers to zero.
        has_equal_bits: Whether its matrix products are not to depend on where a matrix lies.
    """

    build: Build
    rows: range
    actions: SharedArrays
    encoding: Encoding | None
    arrays: SharedArrays
    wants_events: bool
    flushes_denormals: bool
    has_equal_bits: bool

    @property
    def action_rows(self) -> NDArray[np.int64]:
        """The shard's rows of choices, shape ``[environments, heads]``, in shared memory."""
        return self.actions.views["actions"][self.rows.start : self.rows.stop]

    @property
    def array_rows(self) -> dict[str, NDArray[Any]]:
        """The shard's rows of the encoded results, by name, in shared memory."""
        begin, end = self.rows.start, self.rows.stop
        return {name: view[begin:end] for name, view in self.arrays.views.items()}


class _EventList:
    """Keeps events until they are taken away."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep one event."""
        self.events.append(event)


class Shard:
    """Carries out orders on a population that it builds itself.

    Args:
        assignment: What it works on.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._action_rows = assignment.action_rows
        self._array_rows = assignment.array_rows
        self._collected = _EventList()
        self._population: Population | None = None
        self._encoding: Encoding | None = None
        self._slot_ids: list[tuple[str, ...]] = []

    def execute(self, order: Order) -> Any:  # noqa: ANN401  # each order has an answer of its own
        """Carry out one order and return its answer."""
        match order:
            case Begin():
                return self._begin(order)
            case Step():
                return self._step(order)
            case BeginClosing():
                self._get_population().begin_closing()
                return None
            case Judge():
                return self._get_population().judge()

    def take_events(self) -> tuple[Event, ...]:
        """Hand over the events since the last time."""
        events = tuple(self._collected.events)
        self._collected.events.clear()
        return events

    def close(self) -> None:
        """Close the population, if there is one."""
        if self._population is not None:
            self._population.close()
            self._population = None

    def _begin(self, order: Begin) -> list[StepResult]:
        self.close()
        sink = self._collected if self._assignment.wants_events else NullSink()
        self._population = self._assignment.build(order.keys, sink)
        self._encoding = deepcopy(self._assignment.encoding)
        initial = list(self._population.initial)
        self._slot_ids = [result.host.slot_ids for result in initial]
        self._share(initial)
        return initial

    def _step(self, order: Step) -> list[StepResult] | None:
        commands = self._action_rows if order.commands is None else order.commands
        if isinstance(commands, np.ndarray):
            commands = self._read_commands(commands)
        results = self._get_population().step(commands)
        self._share(results)
        return results if order.wants_results else None

    def _read_commands(self, rows: NDArray[np.int64]) -> tuple[AdaptationCommand, ...]:
        return tuple(
            TamiyoDecision.from_action(row, slot_ids).to_command()
            for row, slot_ids in zip(rows.tolist(), self._slot_ids, strict=True)
        )

    def _share(self, results: Sequence[StepResult]) -> None:
        if self._encoding is None:
            return
        encoded = self._encoding.encode(results)
        if encoded.keys() != self._array_rows.keys():
            message = f"encode must give {sorted(self._array_rows)}, got {sorted(encoded)}"
            raise ShapeError(message)
        for name, rows in self._array_rows.items():
            _copy_rows(name, rows, encoded[name])

    def _get_population(self) -> Population:
        assert self._population is not None, "an episode begins before anything else"
        return self._population


def _copy_rows(name: str, rows: NDArray[Any], encoded: NDArray[Any]) -> None:
    if (encoded.shape, encoded.dtype) != (rows.shape, rows.dtype):
        message = (
            f"encode must give {name} as {rows.dtype} of shape {rows.shape}, "
            f"got {encoded.dtype} of shape {encoded.shape}"
        )
        raise ShapeError(message)
    np.copyto(rows, encoded)

"""What training a population costs: two ways in turn, by phase, and beside the machine's peak."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from statistics import fmean, median
from time import process_time
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import torch

from tamiyo.engine import Member, SequentialPopulation
from tamiyo.engine.batched import BatchedPopulation, population
from tamiyo.engine.batched.network import StackedNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.cases import Case

    from tamiyo.engine import Population

PHASES: Final = ("commands, topology", "training", "validation", "reports")
_PARTS: Final[tuple[tuple[Any, str, str], ...]] = (
    (Member, "begin_epoch", PHASES[0]),
    (StackedNetwork, "sync", PHASES[0]),
    (population, "train_members", PHASES[1]),
    (BatchedPopulation, "_validate", PHASES[2]),
    (Member, "finish_epoch", PHASES[3]),
)
_SEQUENTIAL_MEMBERS: Final = 8
_PEAK_SIZE: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Row:
    """Two ways to train, timed.

    Attributes:
        group: Rows that belong together.
        name: What was trained.
        environments: How many.
        reference: Milliseconds of the way to compare with, an environment's epoch.
        ours: The same of the way that is judged.
        faster: Median of the first divided by the second.
        target: How many times faster it is to be; ``None`` if nothing was promised.
        peak: Share of the matrix-multiply peak that training reached; ``None`` if not measured.
        phases: Phase to milliseconds, an environment's epoch.
        remark: What else there is to know.
    """

    group: str
    name: str
    environments: int
    reference: float
    ours: float
    faster: float
    target: float | None = None
    peak: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""

    @property
    def verdict(self) -> str:
        """The target, and whether it was reached."""
        if self.target is None:
            return ""
        return f">= {self.target:.3g} {'reached' if self.faster >= self.target else 'MISSED'}"


def race(
    case: Case, environments: int, *, rounds: int, group: str, target: float | None = None
) -> Row:
    """Train a population as one network and one environment after the other, in turn.

    The latter has at most eight environments: what one costs there does not depend on the others.
    """
    fewer = min(environments, _SEQUENTIAL_MEMBERS)
    reference = SequentialPopulation(case.members(fewer))
    ours = BatchedPopulation(case.members(environments))
    walk(reference, fewer), walk(ours, environments)
    phases: Counter[str] = Counter()
    times, shares = [], []
    with undisturbed():
        for _ in range(rounds):
            before, trained = count_work(ours), phases["training"]
            with clocked(phases):
                batched = walk(ours, environments)
            seconds = phases["training"] - trained
            rate = 2 * (count_work(ours) - before) / seconds
            shares.append(rate / measure_peak())
            times.append((walk(reference, fewer), batched))
    return Row(
        group=group,
        name=case.name,
        environments=environments,
        **summarize(times),
        target=target,
        peak=median(shares),
        phases={phase: 1e3 * seconds / rounds / environments for phase, seconds in phases.items()},
    )


def summarize(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians of pairs of seconds, and of their ratios, as fields of a row."""
    return {
        "reference": 1e3 * median(one for one, _ in times),
        "ours": 1e3 * median(two for _, two in times),
        "faster": median(one / two for one, two in times),
    }


def walk(population_: Population, environments: int) -> float:
    """Train one epoch; CPU seconds for each environment."""
    begin = process_time()
    population_.step([None] * environments)
    return (process_time() - begin) / environments


@contextmanager
def undisturbed() -> Iterator[None]:
    """Collect no garbage while something is timed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def clocked(
    seconds: Counter[str], parts: Sequence[tuple[Any, str, str]] = _PARTS
) -> Iterator[None]:
    """Add up what each phase of a step takes; parts are owner, name of a function, and phase."""
    with ExitStack() as stack:
        for owner, name, phase in parts:
            timed = _time_calls(getattr(owner, name), phase, seconds)
            stack.enter_context(patch.object(owner, name, timed))
        yield


def count_work(batched: BatchedPopulation) -> float:
    """Multiply-adds of training so far."""
    return sum(member.work.total or 0 for member in batched.members)


def measure_peak() -> float:
    """Floating-point operations per second of one large matrix product, best of three."""
    left, right = torch.rand(2, _PEAK_SIZE, _PEAK_SIZE)
    seconds = []
    for _ in range(3):
        begin = process_time()
        torch.mm(left, right)
        seconds.append(process_time() - begin)
    return 2 * _PEAK_SIZE**3 / min(seconds)


def mix(case: Case, environments: int, blueprints: Sequence[Any], *, rounds: int) -> Row:
    """Train seeds of many blueprints in one population, and in one population for each."""
    mixed = BatchedPopulation(case.seeded_members(environments, *blueprints))
    pure = [BatchedPopulation(case.seeded_members(environments, one)) for one in blueprints]
    for one in (mixed, *pure):
        walk(one, environments)
    times = []
    with undisturbed():
        for _ in range(rounds):
            ours = walk(mixed, environments)
            times.append((fmean(walk(one, environments) for one in pure), ours))
    return Row(
        group="8 blueprints against 1",
        name=case.name,
        environments=environments,
        **summarize(times),
        target=1 / 1.25,
    )


def _time_calls(
    function: Callable[..., Any], phase: str, seconds: Counter[str]
) -> Callable[..., Any]:
    @wraps(function)
    def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # the function's own
        begin = process_time()
        try:
            return function(*arguments, **options)
        finally:
            seconds[phase] += process_time() - begin

    return timed

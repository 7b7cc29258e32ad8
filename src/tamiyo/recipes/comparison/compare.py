"""Compare controllers on paired seeds, beside networks that never grew.

For one grown controller the table also holds, seed by seed, what the same compute or the same
parameters buy without growing: see :mod:`tamiyo.recipes.comparison.static`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ComparisonRow, ConfigError, NullSink
from tamiyo.controller import WAIT_ONLY
from tamiyo.engine import EngineKind, ask_for_equal_bits
from tamiyo.recipes.comparison.measured import require_measured
from tamiyo.recipes.comparison.processes import spread_seeds
from tamiyo.recipes.comparison.seeds import SeedResults, count_rows, load_task_data, run_seeds
from tamiyo.recipes.comparison.statistics import Interval, compute_paired_interval
from tamiyo.recipes.config import RunConfig, build_effective_task
from tamiyo.recipes.lockstep import EngineUse, build_task_lockstep

if TYPE_CHECKING:
    from tamiyo.recipes.comparison.counting import Report
    from tamiyo.recipes.comparison.processes import RunBlock

__all__ = ["Comparison", "OnProgress", "compare_controllers", "compare_runs"]

_FEWEST_SEEDS: Final = 2
_MOST_SEEDS: Final = 1_000_000
_TRIED_HOSTS: Final = 4
"""Equal hosts that stand for many when an engine is chosen."""

OnProgress = Callable[[float, int], None]
"""Told of the networks that are trained, the parts of those under way too, and of how many there
are to train."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A whole comparison.

    Attributes:
        task: Name of the task.
        reference: Row the differences are taken to.
        grown: Controller the static rows were built for, the last one named that is neither the
            reference nor wait-only; ``None`` if there is none.
        seeds: Seeds that were run.
        engine: What trained the arms, static networks are trained one by one; ``None`` where no
            network was trained.
        rows: One per thing that was run.
        leads: Name of each static row to the paired difference of the grown row's score to it.
        scores: Name of each row to its score on every seed, points, in the order of the seeds.
        skipped: Name of each row that was left out to the reason.
    """

    task: str
    reference: str
    grown: str | None
    seeds: tuple[int, ...]
    engine: EngineUse | None
    rows: tuple[ComparisonRow, ...]
    leads: Mapping[str, Interval]
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


def compare_controllers(
    config: RunConfig,
    controllers: Sequence[str],
    *,
    seeds: int,
    reference: str = WAIT_ONLY,
    workers: int = 1,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Comparison:
    """Run every controller on the same seeds and compare them.

    Args:
        config: Settings of every run; its controller is replaced, its seed is the first one.
        controllers: Names of the controllers, the one to build static rows for last; the reference
            is added if it is missing.
        seeds: How many seeds, at least 2.
        reference: Controller the differences are taken to.
        workers: Processes to spread the seeds over.
        on_progress: Told of every epoch of every network.

    Raises:
        ConfigError: If a controller is named twice or unknown, or as ``compare_runs`` says.
    """
    names = list(controllers) if reference in controllers else [reference, *controllers]
    if len(set(names)) != len(names):
        message = f"controllers must be named once each, got {', '.join(names)}"
        raise ConfigError(message)
    grown = next((name for name in reversed(names) if name not in {reference, WAIT_ONLY}), None)
    arms = {name: replace(config, controller=name) for name in names}
    return compare_runs(
        arms,
        seeds=seeds,
        reference=reference,
        grown=grown,
        workers=workers,
        on_progress=on_progress,
    )


def compare_runs(
    arms: Mapping[str, RunConfig],
    *,
    seeds: int,
    reference: str,
    grown: str | None,
    workers: int = 1,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Comparison:
    """Run several configurations of one task on the same seeds and compare them.

    Args:
        arms: Row name to its configuration; all name one task and one first seed.
        seeds: How many seeds, at least 2.
        reference: Row the differences are taken to.
        grown: Row the static rows are built for; ``None`` for none.
        workers: Processes to spread the seeds over.
        on_progress: Told of every epoch of every network.

    Raises:
        ConfigError: If there are fewer than two seeds or no worker, or an arm's settings are
            refused; nothing was trained then.
    """
    if workers < 1:
        message = f"workers must be at least 1, got {workers}"
        raise ConfigError(message)
    if not _FEWEST_SEEDS <= seeds <= _MOST_SEEDS:
        rule = f"least {_FEWEST_SEEDS}" if seeds < _FEWEST_SEEDS else f"most {_MOST_SEEDS}"
        message = f"seeds must be at {rule}, got {seeds}"
        raise ConfigError(message)
    has_equal_bits = _may_batch(arms) and ask_for_equal_bits()
    engine = _choose_engine(arms)
    first = arms[reference].seed
    chosen = range(first, first + seeds)
    run = partial(
        run_seeds, {name: _train_by(engine.kind, arm) for name, arm in arms.items()}, grown
    )
    results = spread_seeds(
        partial(_run_alike, run, has_equal_bits),
        chosen,
        workers,
        _build_report(on_progress, seeds * count_rows(arms, grown)),
    )
    return Comparison(
        task=arms[reference].task,
        reference=reference,
        grown=grown,
        seeds=tuple(chosen),
        engine=engine,
        rows=tuple(_summarize(name, results, reference) for name in results[0]),
        leads={
            name: _compare_rows(grown, name, results)
            for name in results[0]
            if grown is not None and name not in arms
        },
        scores={name: tuple(_list_scores(name, results)) for name in results[0]},
    )


def _may_batch(arms: Mapping[str, RunConfig]) -> bool:
    return any(arm.engine.engine != EngineKind.SEQUENTIAL for arm in arms.values())


def _run_alike(
    run: RunBlock,
    has_equal_bits: bool,  # noqa: FBT001  # bound beforehand
    seeds: Sequence[int],
    report: Report,
) -> list[SeedResults]:
    """Run seeds in a process whose matrix products are computed as in the one that asks for it."""
    ask_for_equal_bits(wanted=has_equal_bits)
    return run(seeds, report)


def _choose_engine(arms: Mapping[str, RunConfig]) -> EngineUse:
    """Choose one engine for all arms, and refuse what cannot be trained.

    It is chosen once, as for many hosts like the first seed's, so that results depend on no number
    of seeds or processes.

    Raises:
        ConfigError: If an arm's settings are refused, or the arms name several engines.
    """
    kinds = {arm.engine.engine for arm in arms.values()}
    if len(kinds) > 1:
        message = f"engine must be the same in all arms, got {', '.join(sorted(kinds))}"
        raise ConfigError(message)
    uses = []
    for arm in arms.values():
        task, data = build_effective_task(arm), load_task_data(arm.task)
        seeds = [arm.seed] * _TRIED_HOSTS
        with build_task_lockstep(arm, task, data, seeds=seeds, build_sink=NullSink) as lockstep:
            uses.append(lockstep.engine)
    # What does not suit every arm is used for none, so that all rows are trained alike.
    return next((use for use in uses if use.kind == EngineKind.SEQUENTIAL), uses[0])


def _train_by(kind: EngineKind, arm: RunConfig) -> RunConfig:
    return replace(arm, engine=replace(arm.engine, engine=kind))


def _build_report(on_progress: OnProgress, total: int) -> Callable[[float], None]:
    """Add up the work that is done."""
    done = 0.0

    def report(networks: float) -> None:
        nonlocal done
        done += networks
        on_progress(done, total)

    return report


def _summarize(name: str, results: Sequence[SeedResults], reference: str) -> ComparisonRow:
    rows = [result[name] for result in results]
    interval = _compare_rows(name, reference, results)
    return ComparisonRow(
        name=name,
        score=fmean(require_measured(row.score) for row in rows),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        test_accuracy=fmean(require_measured(row.test_accuracy) for row in rows),
        parameters=fmean(row.parameters for row in rows),
        multiply_adds=fmean(require_measured(row.multiply_adds) for row in rows),
        epochs=fmean(row.epochs for row in rows),
        fossils=median(len(row.contributions) for row in rows),
    )


def _compare_rows(name: str, reference: str, results: Sequence[SeedResults]) -> Interval:
    return compute_paired_interval(
        _list_scores(name, results), _list_scores(reference, results), seed=0
    )


def _list_scores(name: str, results: Sequence[SeedResults]) -> list[float]:
    return [require_measured(result[name].score) for result in results]

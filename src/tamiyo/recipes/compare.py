"""Compare controllers on paired seeds, beside networks that never grew.

For one grown controller the table also holds, seed by seed, what the same compute or the same
parameters buy without growing: *static-final*, the final structure from scratch, and the *width
family*, the member of the host's family whose parameters come nearest; each at equal epochs and at
equal multiply-adds.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from multiprocessing import get_context
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from tamiyo.contracts import (
    ComparisonRow,
    ConfigError,
    InvariantError,
    NullSink,
    derive_seed,
)
from tamiyo.controller import WAIT_ONLY
from tamiyo.engine import Member, build_task_trainee
from tamiyo.model import Fossil, count_trainable, graft, list_fossils
from tamiyo.recipes.config import RunConfig, build_effective_task
from tamiyo.recipes.episode import EpisodeResult, build_task_episode, compute_score
from tamiyo.recipes.statistics import Interval, compute_paired_interval
from tamiyo.tasks import (
    HostRecipe,
    Task,
    TaskData,
    build_host,
    get_task,
    read_width,
    widen_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Comparison", "SeedResults", "compare_controllers", "compare_runs", "run_seed"]

_FEWEST_SEEDS: Final = 2
_STATIC_EPOCHS: Final = "static-final, equal epochs"
_STATIC_WORK: Final = "static-final, equal multiply-adds"
_WIDTH_EPOCHS: Final = "width family, equal parameters"
_WIDTH_WORK: Final = "width family, equal parameters and multiply-adds"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A whole comparison.

    Attributes:
        task: Name of the task.
        reference: Row the differences are taken to.
        grown: Controller the static rows were built for, the last one named that is neither the
            reference nor wait-only; ``None`` if there is none.
        seeds: Seeds that were run.
        rows: One per thing that was run.
        leads: Name of each static row to the paired difference of the grown row's score to it.
        skipped: Name of each row that was left out to the reason.
    """

    task: str
    reference: str
    grown: str | None
    seeds: tuple[int, ...]
    rows: tuple[ComparisonRow, ...]
    leads: Mapping[str, Interval]
    skipped: Mapping[str, str] = field(default_factory=dict)


SeedResults = dict[str, EpisodeResult]
"""Row name to what one seed gave."""


def compare_controllers(
    config: RunConfig,
    controllers: Sequence[str],
    *,
    seeds: int,
    reference: str = WAIT_ONLY,
    workers: int = 1,
    on_seed: Callable[[int], None] = lambda _seed: None,
) -> Comparison:
    """Run every controller on the same seeds and compare them.

    Args:
        config: Settings of every run; its controller is replaced, its seed is the first one.
        controllers: Names of the controllers, the one to build static rows for last; the reference
            is added if it is missing.
        seeds: How many seeds, at least 2.
        reference: Controller the differences are taken to.
        workers: Processes to spread the seeds over.
        on_seed: Told of every seed that is done.

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
        arms, seeds=seeds, reference=reference, grown=grown, workers=workers, on_seed=on_seed
    )


def compare_runs(
    arms: Mapping[str, RunConfig],
    *,
    seeds: int,
    reference: str,
    grown: str | None,
    workers: int = 1,
    on_seed: Callable[[int], None] = lambda _seed: None,
) -> Comparison:
    """Run several configurations of one task on the same seeds and compare them.

    Args:
        arms: Row name to its configuration; all name one task and one first seed.
        seeds: How many seeds, at least 2.
        reference: Row the differences are taken to.
        grown: Row the static rows are built for; ``None`` for none.
        workers: Processes to spread the seeds over.
        on_seed: Told of every seed that is done.

    Raises:
        ConfigError: If there are fewer than two seeds or no worker, or an arm's settings are
            refused; nothing was trained then.
    """
    if workers < 1:
        message = f"workers must be at least 1, got {workers}"
        raise ConfigError(message)
    if seeds < _FEWEST_SEEDS:
        message = f"seeds must be at least {_FEWEST_SEEDS}, got {seeds}"
        raise ConfigError(message)
    for config in arms.values():
        task = build_effective_task(config)
        build_task_episode(config, task, _load_data(config.task), sink=NullSink())
    first = arms[reference].seed
    chosen = tuple(range(first, first + seeds))
    results = []
    for result in _spread(partial(run_seed, arms, grown), chosen, workers):
        results.append(result)
        on_seed(len(results))
    return Comparison(
        task=arms[reference].task,
        reference=reference,
        grown=grown,
        seeds=chosen,
        rows=tuple(_summarize(name, results, reference) for name in results[0]),
        leads={
            name: _compare_rows(grown, name, results)
            for name in results[0]
            if grown is not None and name not in arms
        },
    )


def run_seed(arms: Mapping[str, RunConfig], grown: str | None, seed: int) -> SeedResults:
    """Run every arm on one seed, and the static networks beside the grown one."""
    results: SeedResults = {}
    for name, arm in arms.items():
        config = replace(arm, seed=seed)
        task = build_effective_task(config)
        episode = build_task_episode(config, task, _load_data(config.task), sink=NullSink())
        results[name] = episode.run()
        if name == grown:
            results |= _run_static(config, task, results[name], list_fossils(episode.member.model))
    return results


def _run_static(
    config: RunConfig, task: Task, grown: EpisodeResult, fossils: Sequence[Fossil]
) -> SeedResults:
    """Train what the grown network is compared with, from scratch on the same seed."""
    data = _load_data(config.task)
    engine = replace(config.engine, max_parameters=None)
    config = replace(config, controller=WAIT_ONLY, engine=engine)
    build_final = partial(_build_static, task.host, fossils, config.seed)
    build_wide = partial(build_host, _match_width(task, grown.parameters))
    host_parameters = _count_recipe(task.host)
    results = {}
    for epochs_row, work_row, build in (
        (_STATIC_EPOCHS, _STATIC_WORK, build_final),
        (_WIDTH_EPOCHS, _WIDTH_WORK, build_wide),
    ):
        for row, epochs in (
            (epochs_row, grown.epochs),
            (work_row, _match_work(config, task, data, build, _measured(grown.multiply_adds))),
        ):
            timed = replace(task, config=replace(task.config, max_epochs=epochs))
            episode = build_task_episode(config, timed, data, sink=NullSink(), build_network=build)
            results[row] = _with_rent(episode.run(), host_parameters, task)
    return results


def _build_static(host: HostRecipe, fossils: Sequence[Fossil], seed: int) -> nn.Module:
    """Build the final structure with the host's own initial weights and fresh seeds."""
    generator = torch.Generator().manual_seed(derive_seed(seed, 0, "static-final"))
    return graft(build_host(host), fossils, generator)


def _match_width(task: Task, parameters: int) -> HostRecipe:
    """Find the member of the host's family whose parameters come nearest."""

    def distance(width: int) -> int:
        return abs(_count_recipe(widen_recipe(task.host, width)) - parameters)

    width = read_width(task.host)
    while distance(width + 1) < distance(width):
        width += 1
    return widen_recipe(task.host, width)


def _match_work(
    config: RunConfig,
    task: Task,
    data: TaskData,
    build: Callable[[], nn.Module],
    multiply_adds: float,
) -> int:
    """Find the number of epochs whose multiply-adds come nearest to those given."""
    member = Member(
        task.config,
        data,
        task.slots,
        lambda: build_task_trainee(build(), task.config),
        engine=config.engine,
        run_seed=config.seed,
        environment=0,
        sink=NullSink(),
    )
    member.step(None)
    epochs = round(multiply_adds / _measured(member.work.total))
    return max(epochs, task.config.closing_epochs + 1)


def _with_rent(result: EpisodeResult, host_parameters: int, task: Task) -> EpisodeResult:
    """Charge a static network the rent a grown one of its size would pay."""
    score = compute_score(
        _measured(result.test_accuracy),
        parameters=result.parameters,
        host_parameters=host_parameters,
        rent_points=task.config.rent_points,
    )
    return replace(result, score=score)


def _summarize(name: str, results: Sequence[SeedResults], reference: str) -> ComparisonRow:
    rows = [result[name] for result in results]
    interval = _compare_rows(name, reference, results)
    return ComparisonRow(
        name=name,
        score=fmean(_measured(row.score) for row in rows),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        test_accuracy=fmean(_measured(row.test_accuracy) for row in rows),
        parameters=fmean(row.parameters for row in rows),
        multiply_adds=fmean(_measured(row.multiply_adds) for row in rows),
        epochs=fmean(row.epochs for row in rows),
        fossils=median(len(row.contributions) for row in rows),
    )


def _compare_rows(name: str, reference: str, results: Sequence[SeedResults]) -> Interval:
    return compute_paired_interval(
        [_measured(result[name].score) for result in results],
        [_measured(result[reference].score) for result in results],
        seed=0,
    )


def _measured(value: float | None) -> float:
    """Return what every task has: a test split, and work that is counted.

    Raises:
        InvariantError: If it is missing.
    """
    if value is None:
        message = "a task must have a test split and work that is counted, got neither"
        raise InvariantError(message)
    return value


def _spread(
    run: Callable[[int], SeedResults], seeds: Sequence[int], workers: int
) -> Iterator[SeedResults]:
    """Run the seeds in this process or over several, one torch thread each; yield them in order."""
    if workers == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(
        min(workers, len(seeds)), mp_context=get_context("spawn"), initializer=_start_worker
    ) as pool:
        yield from pool.map(run, seeds)


def _start_worker() -> None:
    """Use one thread, and leave at once on Ctrl-C: the parent says what happened."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@cache
def _load_data(task: str) -> TaskData:
    """Load a task's data once per process; it is only read."""
    return get_task(task).load_data()


def _count_recipe(recipe: HostRecipe) -> int:
    with torch.device("meta"):
        return count_trainable(build_host(recipe))

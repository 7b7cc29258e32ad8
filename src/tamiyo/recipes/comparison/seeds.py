"""What a comparison trains on some seeds: its arms in lockstep, static networks one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from tamiyo.recipes.comparison.counting import EpochCounter
from tamiyo.recipes.comparison.static import STATIC_ROWS, train_static
from tamiyo.recipes.config import build_effective_task
from tamiyo.recipes.episode import EpisodeResult
from tamiyo.recipes.lockstep import build_task_lockstep
from tamiyo.tasks import TaskData, get_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamiyo.recipes.comparison.counting import Report
    from tamiyo.recipes.config import RunConfig

__all__ = ["SeedResults", "count_rows", "load_task_data", "run_seeds"]

SeedResults = dict[str, EpisodeResult]
"""Row name to what one seed gave."""


def run_seeds(
    arms: Mapping[str, RunConfig],
    grown: str | None,
    seeds: Sequence[int],
    report: Report = lambda _networks: None,
) -> list[SeedResults]:
    """Run every arm on some seeds, and the static networks beside the grown one.

    The seeds of an arm run in lockstep. What a seed gives does not depend on the others.

    Args:
        arms: Row name to its configuration.
        grown: Row the static rows are built for; ``None`` for none.
        seeds: The seeds.
        report: Told of every epoch of every network.

    Returns:
        What each seed gave.
    """
    results: list[SeedResults] = [{} for _ in seeds]
    build_sink = partial(EpochCounter, report)
    for name, arm in arms.items():
        task = build_effective_task(arm)
        data = load_task_data(arm.task)
        with build_task_lockstep(arm, task, data, seeds=seeds, build_sink=build_sink) as lockstep:
            outcomes = lockstep.run()
        for seed, outcome, rows in zip(seeds, outcomes, results, strict=True):
            rows[name] = outcome.result
            if name == grown:
                run = replace(arm, seed=seed)
                own = task.find_host(data, arm.hosts, seed)
                rows.update(train_static(run, *own, outcome, build_sink=build_sink))
    return results


def count_rows(arms: Mapping[str, RunConfig], grown: str | None) -> int:
    """Count the networks that are trained on every seed."""
    return len(arms) + (0 if grown is None else len(STATIC_ROWS))


@cache
def load_task_data(task: str) -> TaskData:
    """Load a task's data once per process; it is only read."""
    return get_task(task).load_data()

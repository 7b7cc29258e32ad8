"""Judge a trained controller on the hosts of its task."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tamiyo.controller import WAIT_ONLY
from tamiyo.recipes.comparison import Comparison, compare_runs
from tamiyo.recipes.config import RunConfig
from tamiyo.recipes.learned_controller import LEARNED, LEARNED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.recipes.learned.config import TrainConfig
    from tamiyo.recipes.run_folder import RunFolder

__all__ = ["LEARNED", "compare_on_task"]

_OTHERS: Final = (WAIT_ONLY, "random-legal", "heuristic")


def compare_on_task(
    config: TrainConfig,
    folder: RunFolder,
    *,
    seeds: int,
    first_seed: int,
    on_progress: Callable[[float], None],
) -> Comparison:
    """Compare a trained controller with simpler ones on the task it was trained for.

    Args:
        config: What it was trained with.
        folder: Where it lies.
        seeds: How many seeds, at least 2.
        first_seed: The first of them.
        on_progress: Told the share of the work that is over, in (0, 1].

    Raises:
        ArtifactError: If the folder holds no checkpoint yet.
    """
    hosts = config.hosts
    run = RunConfig(
        task=hosts.task,
        seed=first_seed,
        epochs=hosts.epochs,
        hosts=hosts.hosts,
        engine=hosts.engine,
        tracker=hosts.tracker,
    )
    names = {name: name for name in _OTHERS}
    names[LEARNED] = f"{LEARNED_PREFIX}{folder.path}"
    return compare_runs(
        {row: replace(run, controller=name) for row, name in names.items()},
        seeds=seeds,
        reference=WAIT_ONLY,
        grown=LEARNED,
        workers=os.cpu_count() or 1,
        on_progress=lambda done, total: on_progress(done / total),
    )

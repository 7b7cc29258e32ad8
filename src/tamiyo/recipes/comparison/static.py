"""What the compute or the parameters of a grown network buy without growing.

*static-final* is its final structure from scratch, the *width family* the member of the host's
family whose parameters come nearest; each at equal epochs and at equal multiply-adds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from tamiyo.contracts import NullSink, SeedStream, compute_score, derive_seed
from tamiyo.controller import WAIT_ONLY
from tamiyo.engine import EngineKind, Member, build_task_trainee
from tamiyo.model import Fossil, count_trainable, graft
from tamiyo.recipes.comparison.measured import require_measured
from tamiyo.recipes.episode import EpisodeOutcome, EpisodeResult, build_task_episode
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.tasks import (
    HostRecipe,
    Task,
    TrainingData,
    build_host,
    read_width,
    widen_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.contracts import EventSink
    from tamiyo.recipes.config import RunConfig

__all__ = ["STATIC_ROWS", "train_static"]

_STATIC_EPOCHS: Final = "static-final, equal epochs"
_STATIC_WORK: Final = "static-final, equal multiply-adds"
_WIDTH_EPOCHS: Final = "width family, equal parameters"
_WIDTH_WORK: Final = "width family, equal parameters and multiply-adds"

STATIC_ROWS: Final = (_STATIC_EPOCHS, _STATIC_WORK, _WIDTH_EPOCHS, _WIDTH_WORK)
"""Names of the rows, in the order they are trained."""


def train_static(
    config: RunConfig,
    task: Task,
    data: TrainingData,
    grown: EpisodeOutcome,
    *,
    build_sink: Callable[[], EventSink],
) -> dict[str, EpisodeResult]:
    """Train what a grown network is compared with, from scratch on the same seed, one by one.

    Args:
        config: What decided the grown network's run.
        task: The task as that run had it.
        data: Its data.
        grown: How that run ended.
        build_sink: Says where the events of one more run go.

    Returns:
        Row name to what came of it.
    """
    engine = replace(config.engine, max_parameters=None, engine=EngineKind.SEQUENTIAL)
    config = replace(config, controller=WAIT_ONLY, engine=engine)
    result = grown.result
    multiply_adds = require_measured(result.multiply_adds)
    build_final = partial(_build_static, task.host, grown.fossils, config.seed)
    build_wide = partial(build_host, _match_width(task, result.parameters))
    host_parameters = _count_recipe(task.host)
    results = {}
    for epochs_row, work_row, build in (
        (_STATIC_EPOCHS, _STATIC_WORK, build_final),
        (_WIDTH_EPOCHS, _WIDTH_WORK, build_wide),
    ):
        for row, epochs in (
            (epochs_row, result.epochs),
            (work_row, _match_work(config, task, data, build, multiply_adds)),
        ):
            timed = replace(task, config=replace(task.config, max_epochs=epochs))
            episode = build_task_episode(
                config, timed, data, sink=build_sink(), build_network=build
            )
            with Lockstep([episode]) as alone:
                (outcome,) = alone.run()
            results[row] = _with_rent(outcome.result, host_parameters, task)
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
    data: TrainingData,
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
        seeds=SeedStream(run_seed=config.seed),
        environment=0,
        sink=NullSink(),
    )
    member.step(None)
    epochs = round(multiply_adds / require_measured(member.work.total))
    return max(epochs, task.config.closing_epochs + 1)


def _with_rent(result: EpisodeResult, host_parameters: int, task: Task) -> EpisodeResult:
    """Charge a static network the rent a grown one of its size would pay."""
    score = compute_score(
        require_measured(result.test_accuracy),
        parameters=result.parameters,
        host_parameters=host_parameters,
        rent_points=task.config.rent_points,
    )
    return replace(result, score=score)


def _count_recipe(recipe: HostRecipe) -> int:
    with torch.device("meta"):
        return count_trainable(build_host(recipe))

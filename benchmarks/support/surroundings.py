"""What a population costs beside its training: choice of engine, edits, memory, processes."""

from __future__ import annotations

import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

import torch
from support.cases import Case, germinate
from support.populations import build_batched
from support.racing import Row, summarize, undisturbed, walk
from support.setting import AT_ONCE
from support.timing import read_cpu_seconds, time_wall

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    Blueprint,
    CurveChoice,
    LifecycleConfig,
    LifecycleOp,
    NullSink,
)
from tamiyo.engine import EngineKind, SequentialPopulation, WorkerPopulation, build_population
from tamiyo.engine.batched import BatchedPopulation
from tamiyo.engine.batched.network import StackedNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.contracts import EventSink
    from tamiyo.engine import Population
    from tamiyo.model import TamiyoModel

_WORKERS: Final = 2
_SHARED_ENVIRONMENTS: Final = 64
_BORN_TO_DIE: Final = LifecycleConfig(
    incubate=False, ramp=False, min_prune_age_epochs=0, embargo_epochs_after_prune=0
)


def choose(case: Case, environments: int, *, rounds: int) -> Row:
    """Train what ``auto`` chooses, and one environment after the other, in turn."""
    choice = build_population(case.members(environments), EngineKind.AUTO)
    reference = SequentialPopulation(case.members(environments))
    walk(reference, environments), walk(choice.population, environments)
    with undisturbed():
        times = [
            (walk(reference, environments), walk(choice.population, environments))
            for _ in range(rounds)
        ]
    return Row(
        group="auto against sequential",
        name=case.name,
        environments=environments,
        **summarize(times),
        target=1 / 1.05,
        remark=f"auto is {choice.kind}",
    )


def share(*, rounds: int) -> Row:
    """Train a population in two worker processes, and in this one, in turn; wall time."""
    walls, processor = race_processes(build_batched, _SHARED_ENVIRONMENTS, rounds=rounds)
    return Row(
        group="2 workers against 1 process, wall time",
        name="CNN of digits-cnn",
        environments=_SHARED_ENVIRONMENTS,
        **summarize(
            [(one / _SHARED_ENVIRONMENTS, two / _SHARED_ENVIRONMENTS) for one, two in walls]
        ),
        target=1.8,
        remark=f"CPU of the busier worker {median(one / two for one, two in processor):.2f}, "
        f"load {os.getloadavg()[0]:.1f}",
    )


def race_processes(
    build: Callable[[Sequence[int], EventSink], Population], count: int, *, rounds: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Train epochs of the same environments in one process and in two workers, in turn.

    Returns:
        Wall seconds of each epoch, one process and two; and CPU seconds, of the one process and of
        the busier worker.
    """
    environments, commands = list(range(count)), [None] * count
    alone = build(environments, NullSink())
    walls, processor = [], []
    with WorkerPopulation(build, environments, workers=_WORKERS) as shared:
        alone.step(commands), shared.step(commands)
        for _ in range(rounds):
            begin = process_time()
            one = time_wall(partial(alone.step, commands))
            used = process_time() - begin
            before = [read_cpu_seconds(process) for process in shared.process_ids]
            two = time_wall(partial(shared.step, commands))
            after = [read_cpu_seconds(process) for process in shared.process_ids]
            busiest = max(end - start for start, end in zip(before, after, strict=True))
            walls.append((one, two))
            processor.append((used, busiest))
    return walls, processor


def edit(case: Case, environments: int, *, rounds: int) -> tuple[float, float]:
    """Milliseconds to germinate one seed in a population and prune it again.

    Returns:
        The whole, and the part of it that keeps the banks in step.
    """
    members = case.members(environments, _BORN_TO_DIE)
    for member in members[1:]:
        for slot_id in case.slots:
            member.model.apply_command(germinate(slot_id, Blueprint.CONV_LIGHT))
    network = StackedNetwork(members)
    pairs = []
    for _ in range(5 * rounds + 1):  # the first one makes room for another row
        pairs.append(_germinate_and_prune(members[0].model, network))
        members[0].model.tick()
    whole, banks = (1e3 * median(seconds) for seconds in zip(*pairs[1:], strict=True))
    return whole, banks


def _germinate_and_prune(model: TamiyoModel, network: StackedNetwork) -> tuple[float, float]:
    slot_id = next(iter(model.slots))
    prune = AdaptationCommand(
        op=LifecycleOp.PRUNE,
        slot_id=slot_id,
        alpha_speed=AlphaSpeed.INSTANT,
        alpha_curve=CurveChoice.LINEAR,
    )
    whole = banks = 0.0
    for command in (germinate(slot_id, Blueprint.CONV_LIGHT), prune):
        begin = process_time()
        outcome = model.apply_command(command)
        middle = process_time()
        network.sync()
        end = process_time()
        whole, banks = whole + end - begin, banks + end - middle
        if not outcome.executed:
            message = f"the benchmark's commands must be legal, got {outcome.refusal}"
            raise RuntimeError(message)
    return whole, banks


def measure_memory(build: Callable[[], Case], few: int, many: int) -> float:
    """KiB of resident memory that an environment adds, each population in a process of its own."""
    small, large = (_run_apart(build, environments) for environments in (few, many))
    return (large - small) / (many - few) / 1024


def _run_apart(build: Callable[[], Case], environments: int) -> int:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure_growth, (build, environments))


def _measure_growth(build: Callable[[], Case], environments: int) -> int:
    """Bytes by which a process grows while it builds and trains a population."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    case = build()
    BatchedPopulation(case.members(1)).step([None])  # loads what every population needs
    before = _read_resident()
    population = BatchedPopulation(case.members(environments, AT_ONCE))
    for _ in range(2):
        population.step([None] * environments)
    return _read_resident() - before


def _read_resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

"""Does growing a model of one's own end better than training it alone, on every example?

Every network of ``examples/`` is trained twice from the same initial weights on the same batches in
the same order: alone, and grown by the heuristic controller with its default settings. Both are
judged by the example's own metric on its control split. Run: ``python experiments/examples.py``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from tamiyo.contracts import ACCURACY, MetricScale
from tamiyo.model import list_fossils
from tamiyo.recipes import GrowResult, Interval, compute_paired_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

_FOLDER: Final = Path(__file__).resolve().parent.parent / "examples"
_NAMES: Final = ("own_cnn_loop", "resnet", "small_transformer", "tabular_mlp")
_TABLE_WIDTH: Final = 140


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One trained network.

    Attributes:
        value: Its metric on the control split, in the metric's own unit.
        parameters: Its trainable parameters.
        kept: Seeds that were committed.
        seconds: How long it took.
    """

    value: float
    parameters: int
    kept: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One seed of one example, alone and grown."""

    example: str
    seed: int
    metric: MetricScale
    budget: int
    alone: Arm
    grown: Arm

    @property
    def is_won(self) -> bool:
        """True if the grown network is better."""
        gain = self.grown.value - self.alone.value
        return gain > 0 if self.metric.higher_is_better else gain < 0


def run_pair(name: str, seed: int) -> Pair:
    """Train the network of an example alone and grown.

    Args:
        name: Name of the example's file.
        seed: Seed of both runs.
    """
    example = _load_example(name)
    alone, metric = _run_arm(example, seed, "wait-only")
    grown, _ = _run_arm(example, seed, "heuristic")
    budget: int = example.MAX_PARAMETERS
    return Pair(example=name, seed=seed, metric=metric, budget=budget, alone=alone, grown=grown)


def _run_arm(example: ModuleType, seed: int, controller: str) -> tuple[Arm, MetricScale]:
    start = time.perf_counter()
    result: Any = example.run(seed, controller=controller)
    if isinstance(result, GrowResult):
        metric, points = result.record.metric, result.result.control_accuracy
    else:
        metric, points = ACCURACY, result.accuracy
    arm = Arm(
        value=metric.to_value(points),
        parameters=result.model.count_parameters(committed_only=True),
        kept=len(list_fossils(result.model)),
        seconds=time.perf_counter() - start,
    )
    return arm, metric


def _load_example(name: str) -> ModuleType:
    if str(_FOLDER) not in sys.path:
        sys.path.append(str(_FOLDER))
    return importlib.import_module(name)


def run_pairs(names: Sequence[str], seeds: Sequence[int], workers: int) -> Iterator[Pair]:
    """Run every pair, in processes of one thread each, and yield it as soon as it is there."""
    context = get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = [pool.submit(run_pair, name, seed) for seed in seeds for name in names]
        for future in as_completed(futures):
            yield future.result()


def compute_difference(pairs: Sequence[Pair]) -> Interval:
    """Compute the interquartile mean of grown minus alone, in the metric's own unit."""
    grown, alone = [p.grown.value for p in pairs], [p.alone.value for p in pairs]
    return compute_paired_interval(grown, alone, seed=0)


def build_table(groups: Sequence[Sequence[Pair]]) -> Table:
    """Build a table with a row per example.

    Means, and the interquartile mean of the paired differences with its interval, are in the
    metric's own unit; the parameters are those of the host and of the largest grown network.

    Args:
        groups: The pairs of each example.
    """
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("example", no_wrap=True)
    table.add_column("metric (better)", no_wrap=True)
    for heading in ("alone", "grown", "difference [95 %]", "parameters", "budget", "kept", "won"):
        table.add_column(heading, justify="right", no_wrap=True)
    for pairs in groups:
        table.add_row(*_describe(pairs))
    return table


def _describe(pairs: Sequence[Pair]) -> list[str]:
    """Return the cells of one example's row; shares are shown as percent."""
    metric, difference = pairs[0].metric, compute_difference(pairs)
    unit, places = (100, 2) if metric.is_share else (1, 4)
    alone = unit * fmean(pair.alone.value for pair in pairs)
    grown = unit * fmean(pair.grown.value for pair in pairs)
    mean, low, high = (
        f"{unit * number:+.{places}f}"
        for number in (difference.mean, difference.low, difference.high)
    )
    unit_name = f"{metric.name}, %" if metric.is_share else metric.name
    return [
        pairs[0].example,
        f"{unit_name} ({'more' if metric.higher_is_better else 'less'})",
        f"{alone:.{places}f}",
        f"{grown:.{places}f}",
        f"{mean} [{low}, {high}]",
        f"{pairs[0].alone.parameters:,} to {max(pair.grown.parameters for pair in pairs):,}",
        f"{pairs[0].budget:,}",
        f"{fmean(pair.grown.kept for pair in pairs):.1f}",
        f"{sum(pair.is_won for pair in pairs)} of {len(pairs)}",
    ]


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", nargs="+", choices=_NAMES, default=_NAMES)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    total = len(arguments.examples) * len(seeds)
    pairs: list[Pair] = []
    for pair in run_pairs(arguments.examples, seeds, arguments.workers):
        pairs.append(pair)
        seconds = pair.alone.seconds + pair.grown.seconds
        progress = f"{len(pairs)}/{total} {pair.example} seed {pair.seed}: {seconds:.0f} s"
        print(progress, file=sys.stderr)
    pairs.sort(key=lambda pair: pair.seed)
    groups = [[pair for pair in pairs if pair.example == name] for name in arguments.examples]
    if arguments.json:
        print(json.dumps([asdict(pair) for group in groups for pair in group]))
    else:
        Console(width=_TABLE_WIDTH).print(build_table(groups))


if __name__ == "__main__":
    main()

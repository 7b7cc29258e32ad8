"""Train for many rounds and watch what the process holds: memory, files, tensors, ledgers.

200 rounds on synthetic hosts and 30 on real ones by default, each in a process of its own. After
every round the process counts its resident memory, open files, threads, tensors and objects. What
grows without end shows as a slope over the second half. Run:
``python experiments/long_run.py --out docs/results/long_run.json``.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import linregress

from tamiyo.contracts import UpdateCompleted
from tamiyo.learning import TrainerConfig
from tamiyo.recipes import TrainConfig, count_rollout_steps, train_controller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.contracts import Event

_PAGE: Final = 4096 / 2**20
_ENVS: Final = 16
_FIGURES: Final = ("memory_mib", "files", "threads", "tensors", "objects")
_LARGEST_SLOPES: Final = {"memory_mib": 0.05, "files": 0.0, "threads": 0.0, "tensors": 0.0}
"""Growth per round that is none; memory may wander by a few pages."""


class Watcher:
    """A sink that counts what the process holds after every round.

    Attributes:
        curve: One row per round.
    """

    def __init__(self, told: Callable[[int], None]) -> None:
        self.curve: list[dict[str, float]] = []
        self._told = told

    def emit(self, event: Event) -> None:
        """Count after an update."""
        if not isinstance(event, UpdateCompleted):
            return
        gc.collect()
        held = gc.get_objects()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        status = Path("/proc/self/status").read_text(encoding="ascii")
        threads = next(line for line in status.splitlines() if line.startswith("Threads:"))
        self.curve.append(
            {
                "memory_mib": round(pages * _PAGE, 2),
                "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
                "threads": int(threads.split()[1]),
                "tensors": sum(issubclass(type(item), torch.Tensor) for item in held),
                "objects": len(held),
            }
        )
        self._told(len(self.curve))


def watch(task: str | None, rounds: int) -> list[dict[str, float]]:
    """Train for some rounds and return one row of figures for each."""
    torch.set_num_threads(1)
    config = TrainConfig(task=task, envs=64 if task is None else _ENVS, checkpoint_updates=5)
    steps = rounds * count_rollout_steps(config)
    config = TrainConfig(
        task=task,
        envs=config.envs,
        checkpoint_updates=5,
        learner=TrainerConfig(total_steps=steps),
    )

    def tell(number: int) -> None:
        print(f"\r{task or 'surrogate'}: round {number} of {rounds}", end="", file=sys.stderr)

    watcher = Watcher(tell)
    with tempfile.TemporaryDirectory() as place:
        train_controller(config, Path(place) / "run", sink=watcher)
    print(file=sys.stderr)
    return watcher.curve


def judge(curve: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return first, middle and last value of each figure, and its slope over the second half."""
    half = len(curve) // 2
    told = {}
    for name in _FIGURES:
        values = [row[name] for row in curve]
        slope = linregress(range(half, len(curve)), values[half:]).slope
        told[name] = {
            "first": values[0],
            "middle": values[half],
            "last": values[-1],
            "per_round": round(float(slope), 4),
        }
    return told


def main() -> None:
    """Train, print the table, and exit with 1 if something grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="on synthetic hosts")
    parser.add_argument("--host-rounds", type=int, default=30, help="on digits-mlp")
    parser.add_argument("--out", type=Path, help="file for the curves, as JSON")
    arguments = parser.parse_args()
    plans = {
        "surrogate": (None, arguments.rounds),
        "digits-mlp": ("digits-mlp", arguments.host_rounds),
    }
    curves = {}
    for name, plan in plans.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            curves[name] = process.submit(watch, *plan).result()
    table = Table(box=None, pad_edge=False)
    for column in ("trained on", "rounds", "figure", "first", "middle", "last", "per round"):
        table.add_column(column, justify="left" if column in {"trained on", "figure"} else "right")
    growing = []
    for name, curve in curves.items():
        for figure, told in judge(curve).items():
            row = [f"{told[key]:g}" for key in ("first", "middle", "last", "per_round")]
            table.add_row(name, str(len(curve)), figure, *row)
            if told["per_round"] > _LARGEST_SLOPES.get(figure, float("inf")):
                growing.append(f"{figure} on {name}")
    Console(width=100).print(table)
    print(f"growing: {', '.join(growing) or 'nothing'}")
    if arguments.out:
        arguments.out.write_text(json.dumps(curves, indent=None) + "\n", encoding="utf-8")
    sys.exit(bool(growing))


if __name__ == "__main__":
    main()

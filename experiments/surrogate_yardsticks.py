"""What can be gained on the surrogate: simple controllers, the best of them, and bounds.

Everything is searched on episodes of other seeds than it is measured on. Prints points beyond the
host alone, for the full surrogate and for the tiny one, which is solved exactly.
Run: ``python experiments/surrogate_yardsticks.py``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tamiyo.controller import Heuristic, HeuristicConfig
from tamiyo.environment.surrogate import (
    SurrogateConfig,
    SurrogateVectorEnv,
    play_controllers,
    play_episode,
)
from tamiyo.environment.yardsticks import (
    build_tiny_config,
    compute_clairvoyant,
    play_schedules,
    search_heuristic,
    search_schedule,
    solve,
)
from tamiyo.observation import sample_uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.environment.surrogate import EpisodeOutcomes
    from tamiyo.environment.yardsticks import SchedulePlans

Floats = NDArray[np.float64]
FIRST_SEED = 10_000_000


class Yardstick(NamedTuple):
    """One row: mean gain in points, its standard error, and the share of the bound."""

    name: str
    gain: float
    error: float
    share: float


class Bench:
    """Measures one family on its episodes and shows how far it is."""

    def __init__(self, config: SurrogateConfig, episodes: int, progress: Progress) -> None:
        self.config = config
        self.episodes = episodes
        self.env = SurrogateVectorEnv(episodes, config)
        self.env.reset(seed=FIRST_SEED)
        self.draws = self.env.world.draws.take(np.arange(episodes))
        self.bound = compute_clairvoyant(config, self.draws).gain
        self.rows: list[Yardstick] = []
        self._progress = progress

    def add(self, name: str, gains: Floats) -> None:
        """Add a row."""
        error = float(gains.std(ddof=1) / np.sqrt(len(gains)))
        share = float(gains.mean() / self.bound.mean())
        self.rows.append(Yardstick(name, float(gains.mean()), error, share))

    def watch(self, name: str) -> Callable[[float], None]:
        """Show a bar for what is searched next."""
        task = self._progress.add_task(name, total=1.0)
        return lambda share: self._progress.update(task, completed=share)

    def play_random(self) -> Floats:
        """Play any legal action."""
        rng, spec = np.random.default_rng(0), self.env.action_spec

        def decide(_observations: object, info: dict[str, NDArray[np.bool_]]) -> NDArray[np.int64]:
            return sample_uniform(spec, info["action_mask_by_op"], rng)

        return _gain(play_episode(self.env, decide, seed=FIRST_SEED))

    def play_heuristic(self, thresholds: HeuristicConfig) -> Floats:
        """Play the rule-based controller."""
        controllers = [Heuristic(thresholds) for _ in range(self.episodes)]
        return _gain(play_controllers(self.env, controllers, seed=FIRST_SEED))

    def play_schedule(self, plan: SchedulePlans, rows: NDArray[np.int64]) -> Floats:
        """Play one schedule on some of the episodes."""
        plans = plan.take(np.zeros(len(rows), dtype=np.int64))
        return play_schedules(self.config, plans, self.draws.take(rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0, help="seed of every search")
    parser.add_argument("--schedules", type=int, default=2048, help="first schedules to try")
    parser.add_argument("--thresholds", type=int, default=256, help="first thresholds to try")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tables = {
            "full": measure_full(Bench(SurrogateConfig(), arguments.episodes, progress), arguments),
            "tiny": measure_tiny(Bench(build_tiny_config(), arguments.episodes, progress)),
        }
    if arguments.json:
        rows = {name: [row._asdict() for row in table] for name, table in tables.items()}
        print(json.dumps({"episodes": arguments.episodes, **rows}))
        return
    for name, table in tables.items():
        Console().print(_render(name, table))


def measure_full(bench: Bench, arguments: argparse.Namespace) -> list[Yardstick]:
    """Measure what the learned controller is held against."""
    seed, config = arguments.seed, bench.config
    every = np.arange(bench.episodes)
    bench.add("wait-only", np.zeros(bench.episodes))
    bench.add("random-legal", bench.play_random())
    bench.add("heuristic", bench.play_heuristic(HeuristicConfig()))
    plan = search_schedule(
        config, tries=arguments.schedules, seed=seed, on_progress=bench.watch("best schedule")
    )
    bench.add("best schedule", bench.play_schedule(plan, every))
    thresholds = search_heuristic(
        config, tries=arguments.thresholds, seed=seed, on_progress=bench.watch("heuristic, tuned")
    )
    bench.add("heuristic, tuned", bench.play_heuristic(thresholds))
    gains = np.zeros(bench.episodes)
    for index, need in enumerate(config.needs):
        family = replace(config, needs=(need,))
        watch = bench.watch(f"best schedule for {need}")
        plan = search_schedule(
            family, tries=max(1, arguments.schedules // 2), seed=seed, on_progress=watch
        )
        rows = np.flatnonzero(bench.draws.need == index)
        gains[rows] = bench.play_schedule(plan, rows)
    bench.add("best schedule for each need", gains)
    bench.add("clairvoyant", bench.bound)
    return bench.rows


def measure_tiny(bench: Bench) -> list[Yardstick]:
    """Measure the instance whose optimum is known."""
    bench.add("wait-only", np.zeros(bench.episodes))
    bench.add("random-legal", bench.play_random())
    for name, is_watching in (("blind optimum", False), ("optimum", True)):
        plan = solve(bench.config, is_watching=is_watching, on_progress=bench.watch(name))
        bench.add(name, plan.gain_by_need[bench.draws.need])
    bench.add("clairvoyant", bench.bound)
    return bench.rows


def _gain(outcomes: EpisodeOutcomes) -> Floats:
    return outcomes.score - outcomes.host_score


def _render(name: str, rows: list[Yardstick]) -> Table:
    table = Table(title=f"{name} surrogate: points beyond the host alone")
    for column in ("controller", "points", "standard error", "share of the bound"):
        table.add_column(column, justify="left" if column == "controller" else "right")
    for row in rows:
        table.add_row(row.name, f"{row.gain:.2f}", f"{row.error:.2f}", f"{row.share:.0%}")
    return table


if __name__ == "__main__":
    main()

"""Does the learner learn, and which of its choices matter? Training runs on the surrogate.

Trains a controller per cell and seed, judges each on the same fresh episodes beside simpler
controllers, and prints every run. A cell changes one thing of the default. Results are kept in
``docs/results/surrogate_learning.json``, run by run: a run that is there is not made again, so the
command can be stopped and started. Run: ``python experiments/surrogate_learning.py``; the tables
alone: ``--report``.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tamiyo.contracts import UpdateCompleted
from tamiyo.controller import ControllerConfig, build_controller
from tamiyo.environment import (
    RewardKind,
    SurrogateConfig,
    SurrogateVectorEnv,
    play_controllers,
    search_heuristic,
    search_schedule,
)
from tamiyo.learning import ClipMode, Trainer, TrainerConfig
from tamiyo.recipes import compute_paired_interval, evaluate_policy, play_baselines
from tamiyo.telemetry import MemorySink
from tamiyo.ui import LearningCurve, draw_learning_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "surrogate_learning.json"
PICTURE = ROOT / "docs" / "images" / "surrogate-learning.png"
DEFAULT = "default"
EPISODES, FIRST_SEED = 256, 10_000_000
ENVS = 64
CURVE_POINTS = 40

LEARNER = TrainerConfig()
CELLS: dict[str, tuple[int, TrainerConfig, SurrogateConfig]] = {
    DEFAULT: (10, LEARNER, SurrogateConfig()),
    "per-head clipping": (
        5,
        replace(LEARNER, ppo=replace(LEARNER.ppo, clip=ClipMode.PER_HEAD)),
        SurrogateConfig(),
    ),
    "1 inner epoch": (
        5,
        replace(LEARNER, ppo=replace(LEARNER.ppo, inner_epochs=1)),
        SurrogateConfig(),
    ),
    "8 inner epochs": (
        5,
        replace(LEARNER, ppo=replace(LEARNER.ppo, inner_epochs=8)),
        SurrogateConfig(),
    ),
    "feed-forward": (
        5,
        replace(LEARNER, network=replace(LEARNER.network, recurrent=False)),
        SurrogateConfig(),
    ),
    "shaped reward": (5, LEARNER, SurrogateConfig(reward=RewardKind.SHAPED)),
}
"""Name to training seeds, learner and hosts; each but the first changes one thing."""


def main() -> None:
    """Make the runs that are missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--cells", nargs="*", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--report", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"baselines": None, "runs": []}
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text())
    if not arguments.report:
        _make_missing(results, arguments)
    _print_tables(results)


def _make_missing(results: dict[str, Any], arguments: argparse.Namespace) -> None:
    done = {(run["cell"], run["seed"]) for run in results["runs"]}
    todo = [
        (cell, seed)
        for cell in arguments.cells
        for seed in range(CELLS[cell][0])
        if (cell, seed) not in done
    ]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        baselines = None if results["baselines"] else pool.submit(judge_baselines)
        for count, run in enumerate(pool.map(train, *zip(*todo, strict=True)) if todo else (), 1):
            results["runs"].append(run)
            _save(results)
            print(
                f"{count} of {len(todo)}: {run['cell']}, seed {run['seed']}: "
                f"{fmean(run['scores']):.2f} in {run['cpu_seconds']:.0f} CPU-seconds",
                flush=True,
            )
        if baselines is not None:
            results["baselines"] = baselines.result()
            _save(results)


def train(cell: str, seed: int) -> dict[str, Any]:
    """Train one controller and judge it."""
    torch.set_num_threads(1)
    _, learner, hosts = CELLS[cell]
    sink = MemorySink()
    begun = time.process_time()
    trainer = Trainer(SurrogateVectorEnv(ENVS, hosts), learner, seed=seed, sink=sink)
    trainer.train()
    spent = time.process_time() - begun
    reports = [event.report for event in sink.events if isinstance(event, UpdateCompleted)]
    chunks = np.array_split(np.arange(len(reports)), CURVE_POINTS)
    played = {
        deterministic: evaluate_policy(
            trainer.policy,
            SurrogateConfig(),
            episodes=EPISODES,
            seed=FIRST_SEED,
            deterministic=deterministic,
        )
        for deterministic in (True, False)
    }
    return {
        "cell": cell,
        "seed": seed,
        "steps": trainer.steps,
        "cpu_seconds": spent,
        "scores": _gain(played[True].scores),
        "scores_sampled": _gain(played[False].scores),
        "fossils": fmean(played[True].fossils.tolist()),
        "curve_steps": [reports[chunk[-1]].steps for chunk in chunks],
        "curve": [
            round(fmean(reports[index].rollout.episode_return for index in chunk), 4)
            for chunk in chunks
        ],
    }


def judge_baselines() -> dict[str, Any]:
    """Play what the learned controllers are measured by."""
    torch.set_num_threads(1)
    hosts = SurrogateConfig()
    plan = search_schedule(hosts, seed=0)
    played = play_baselines(hosts, plan, episodes=EPISODES, seed=FIRST_SEED)
    scores = {name: _gain(one.scores) for name, one in played.items()}
    thresholds = search_heuristic(hosts, seed=0)
    controllers = [
        build_controller("heuristic", ControllerConfig(heuristic=thresholds))
        for _ in range(EPISODES)
    ]
    env = SurrogateVectorEnv(EPISODES, hosts)
    outcomes = play_controllers(env, controllers, seed=FIRST_SEED)
    scores["heuristic, tuned"] = _gain(outcomes.score)
    return scores


def _gain(scores: NDArray[np.float64]) -> list[float]:
    """Return points beyond the host alone, episode by episode."""
    env = SurrogateVectorEnv(EPISODES, SurrogateConfig())
    env.reset(seed=FIRST_SEED)
    gains: list[float] = np.round(scores - env.world.compute_host_score(), 4).tolist()
    return gains


def _save(results: dict[str, Any]) -> None:
    results["runs"].sort(key=lambda run: (list(CELLS).index(run["cell"]), run["seed"]))
    RESULTS.parent.mkdir(exist_ok=True)
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(results))
    partial.replace(RESULTS)


def _print_tables(results: dict[str, Any]) -> None:
    baselines, runs = results["baselines"], results["runs"]
    if not baselines or not runs:
        print("nothing to report yet")
        return
    bound = fmean(baselines["clairvoyant"])
    default = [run for run in runs if run["cell"] == DEFAULT]
    print(f"\npoints beyond the host alone, {EPISODES} episodes from seed {FIRST_SEED}\n")
    print("| controller | points | share of the clairvoyant bound |\n|---|---|---|")
    for name, scores in sorted(baselines.items(), key=lambda item: fmean(item[1])):
        print(f"| {name} | {fmean(scores):.2f} | {100 * fmean(scores) / bound:.0f} % |")
    names = [name for name in baselines if name != "clairvoyant"]
    print("\nlearned minus each, per run: interquartile mean of paired differences [95 %]\n")
    print(f"| run | deterministic | share | sampled | {' | '.join(names)} | CPU s |")
    print("|---" * (len(names) + 5) + "|")
    for run in default:
        leads = [_interval(run["scores"], baselines[name]) for name in names]
        score = fmean(run["scores"])
        print(
            f"| {run['seed']} | {score:.2f} | {100 * score / bound:.0f} % "
            f"| {fmean(run['scores_sampled']):.2f} | {' | '.join(leads)} "
            f"| {run['cpu_seconds']:.0f} |"
        )
    _print_cells(runs, default)
    _draw(runs, baselines)


def _print_cells(runs: list[dict[str, Any]], default: list[dict[str, Any]]) -> None:
    print("\n| cell | deterministic, by training seed | mean | minus default, same seeds [95 %] |")
    print("|---|---|---|---|")
    for cell in CELLS:
        mine = [run for run in runs if run["cell"] == cell]
        if not mine:
            continue
        means = [fmean(run["scores"]) for run in mine]
        base = {run["seed"]: fmean(run["scores"]) for run in default}
        paired = [base[run["seed"]] for run in mine if run["seed"] in base]
        lead = "" if cell == DEFAULT or len(paired) < len(means) else _interval(means, paired)
        listing = " ".join(f"{mean:.2f}" for mean in means)
        print(f"| {cell} | {listing} | {fmean(means):.2f} | {lead} |")


def _interval(values: list[float], reference: list[float]) -> str:
    interval = compute_paired_interval(values, reference, seed=0)
    return f"{interval.mean:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _draw(runs: list[dict[str, Any]], baselines: dict[str, list[float]]) -> None:
    curves = [
        LearningCurve(
            group=run["cell"], steps=tuple(run["curve_steps"]), values=tuple(run["curve"])
        )
        for run in runs
    ]
    draw_learning_picture(
        curves,
        PICTURE,
        label="points beyond the host alone (sampled policy)",
        references={name: fmean(scores) for name, scores in baselines.items()},
    )
    print(f"\npicture: {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

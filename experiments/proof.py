"""Does a trained controller beat everything simpler on real hosts? Every stage, one command.

Trains three controllers on the varied hosts of digits-cnn, each first on synthetic hosts like them;
searches a heuristic and a fixed schedule with more episodes than a training has; judges all of them
on fresh seeds of the task's own host, of the kinds of hosts they were trained on, and of kinds that
no training ever drew. Every stage keeps its results in ``docs/results/proof`` and is passed over
when they are there; a training that is stopped goes on where it was.
Run: ``python experiments/proof.py``; the tables alone: ``--report``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from support.host_episodes import TASK, HostHeuristics, HostSchedules, play_on
from support.proof_report import draw_pictures, name_row, print_tables, summarize_rounds

from tamiyo.contracts import NullSink, decode_record, encode_record
from tamiyo.controller import ControllerConfig, HeuristicConfig, WaitOnly
from tamiyo.engine import EngineConfig, EngineKind, ask_for_equal_bits
from tamiyo.environment import Baseline, HostEnvConfig, search_family, to_schedule
from tamiyo.learning import PPOConfig, TrainerConfig
from tamiyo.recipes import (
    RunConfig,
    TrainConfig,
    build_run_controller,
    compare_runs,
    count_rollout_steps,
    export_policy,
    resume_training,
    train_controller,
)
from tamiyo.rewards import RewardConfig
from tamiyo.tasks import HostSource, get_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.controller import Controller

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "proof"
RUNS = ROOT / "runs" / "proof"
TRAININGS = 3
SCHOOL_STEPS = 3_000_000
ROUNDS = 16
TRIES = 64
"""Candidates of a search: 1,344 episodes with all rounds of halving."""
SEARCH_SEED = 7
SEEDS, FIRST_SEED = 64, 30_000_000
_TOGETHER = EngineConfig(engine=EngineKind.BATCHED)
"""Hosts of one structure as one network, however few: a few seeds of every kind look like none."""
THREE_NORMS = {
    "seed": [
        {"slot": slot, "germinate": epoch, "blueprint": "norm", "style": "sigmoid_add"}
        for epoch, slot in enumerate(get_task(TASK).slots, start=2)
    ]
}


def main() -> None:
    """Make what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--report", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ask_for_equal_bits()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        _make_missing(arguments.workers)
    print_tables(RESULTS, name_row("controller", _find_median()))
    draw_pictures(RESULTS, ROOT / "docs" / "images")


def _make_missing(workers: int) -> None:
    jobs = [(_train, seed) for seed in range(TRAININGS)]
    jobs += [(_search, name) for name in ("heuristic", "schedule")]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for finished in [pool.submit(make, what) for make, what in jobs]:
            print(finished.result(), flush=True)
    for source in (HostSource.HELD_OUT, HostSource.VARIED, HostSource.FIXED):
        _compare(source, workers)
    _watch()


def _train(seed: int) -> str:
    """Train one controller, first on synthetic hosts, and keep its policy and its course."""
    kept = RESULTS / f"training-{seed}.json"
    if kept.exists():
        return f"training {seed}: there"
    torch.set_num_threads(1)
    school = TrainConfig(
        env="surrogate-digits", seed=seed, learner=TrainerConfig(total_steps=SCHOOL_STEPS)
    )
    spent_at_school = _run(school, RUNS / f"school-{seed}")
    export_policy(str(RUNS / f"school-{seed}"), RESULTS / f"school-{seed}.safetensors")
    config = build_training(seed, start=RESULTS / f"school-{seed}.safetensors")
    spent = _run(config, RUNS / f"training-{seed}")
    export_policy(str(RUNS / f"training-{seed}"), RESULTS / f"controller-{seed}.safetensors")
    course = {
        "seed": seed,
        "school_steps": SCHOOL_STEPS,
        "school_cpu_seconds": spent_at_school,
        "cpu_seconds": spent,
        **summarize_rounds(RUNS / f"training-{seed}", config),
    }
    kept.write_text(json.dumps(course, indent=1))
    return f"training {seed}: {spent:.0f} CPU-seconds"


def build_training(seed: int, *, start: Path) -> TrainConfig:
    """Build one training on real hosts.

    Args:
        seed: Its seed.
        start: The policy it begins with.
    """
    ppo = PPOConfig(
        learning_rate=2e-4,
        gae_lambda=1.0,  # the score comes at the end, and its value is not known yet
        inner_epochs=4,
        minibatches=4,
        target_kl=0.02,
        entropy_coefficient=0.005,
        entropy_coefficient_end=0.001,
    )
    hosts = HostEnvConfig(
        hosts=HostSource.VARIED,
        baseline=Baseline.GROUP,
        group_size=8,
        reward=RewardConfig(intervention_points=0.05),
    )
    learner = TrainerConfig(ppo=ppo)
    config = TrainConfig(task=TASK, seed=seed, learner=learner, hosts=hosts, start=str(start))
    steps = ROUNDS * count_rollout_steps(config)
    return replace(config, learner=replace(learner, total_steps=steps))


def _run(config: TrainConfig, folder: Path) -> float:
    """Train, or go on with what was stopped; returns CPU-seconds of all goes together."""
    spent = folder / "cpu_seconds"
    before = float(spent.read_text()) if spent.exists() else 0.0
    begun = time.process_time()
    try:
        if (folder / "checkpoint.safetensors").exists():
            resume_training(folder, sink=NullSink())
        else:
            train_controller(config, folder, overwrite=True, sink=NullSink())
    finally:
        if folder.is_dir():
            spent.write_text(str(before + time.process_time() - begun))
    return float(spent.read_text())


def _search(name: str) -> str:
    """Search thresholds of the heuristic, or a fixed schedule, on the varied hosts."""
    kept = RESULTS / f"searched-{name}.json"
    if kept.exists():
        return f"search of the {name}: there"
    torch.set_num_threads(1)
    ask_for_equal_bits()
    begun = time.process_time()
    played: list[int] = []
    family = (HostHeuristics if name == "heuristic" else HostSchedules)(played.append)
    found = search_family(
        family, tries=TRIES, generations=1, seed=SEARCH_SEED, on_progress=lambda _: None
    )
    if isinstance(found, HeuristicConfig):
        content = {"thresholds": encode_record(found)}
    else:
        schedule = to_schedule(found, 0, tuple(get_task(TASK).slots))
        content = {"schedule": {"seed": [_describe(plan) for plan in schedule.seeds]}}
    spent = time.process_time() - begun
    record = {**content, "episodes": sum(played), "cpu_seconds": spent}
    kept.write_text(json.dumps(record, indent=1))
    return f"search of the {name}: {sum(played)} episodes in {spent:.0f} CPU-seconds"


def _describe(plan: object) -> dict[str, object]:
    """Describe what is planted, as schedule files do."""
    plain = {name: value for name, value in encode_record(plan).items() if value is not None}
    return {
        name: value.lower() if isinstance(value, str) and name != "slot" else value
        for name, value in plain.items()
    }


def _compare(source: HostSource, workers: int) -> None:
    """Judge everything on fresh seeds; networks that never grew too, on the task's own host."""
    kept = RESULTS / f"compare-{source}.json"
    if kept.exists():
        print(f"comparison on {source} hosts: there", flush=True)
        return
    comparison = compare_runs(
        _list_arms(RunConfig(task=TASK, seed=FIRST_SEED, hosts=source, engine=_TOGETHER)),
        seeds=SEEDS,
        reference="wait-only",
        grown=name_row("controller", _find_median()) if source == HostSource.FIXED else None,
        workers=workers,
    )
    kept.write_text(json.dumps(encode_record(comparison), indent=1))


def _list_arms(run: RunConfig) -> Mapping[str, RunConfig]:
    """Build every row: the trained controllers last."""
    arms = {name: replace(run, controller=name) for name in ("wait-only", "random-legal")}
    arms["heuristic"] = replace(run, controller="heuristic")
    thresholds = _read("searched-heuristic")["thresholds"]
    tuned = ControllerConfig(heuristic=decode_record(HeuristicConfig, thresholds))
    arms["heuristic, searched"] = replace(arms["heuristic"], control=tuned)
    searched = _read("searched-schedule")["schedule"]
    for name, schedule in (("three norms", THREE_NORMS), ("best schedule", searched)):
        path = RUNS / f"{name.replace(' ', '-')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schedule))
        arms[name] = replace(run, controller=f"schedule:{path}")
    trained = [("controller", seed) for seed in range(TRAININGS)]
    for kind, seed in (("school", _find_median()), *trained):
        path = RESULTS / f"{kind}-{seed}.safetensors"
        arms[name_row(kind, seed)] = replace(run, controller=f"learned:{path}")
    return arms


def _watch() -> None:
    """Keep what the median controller does on every kind of host."""
    kept = RESULTS / "behavior.json"
    if kept.exists():
        print("behavior: there", flush=True)
        return
    distribution, found = get_task(TASK).distribution, {}
    assert distribution is not None, "digits-cnn has one"
    policy = f"learned:{RESULTS / f'controller-{_find_median()}.safetensors'}"
    seeds = range(FIRST_SEED, FIRST_SEED + SEEDS // 4)
    for kind, conditions in {**distribution.varied, **distribution.held_out}.items():
        waited = play_on(conditions, [WaitOnly() for _ in seeds], seeds)
        played = play_on(conditions, [_build(policy, seed) for seed in seeds], seeds)
        found[kind] = [
            {
                "gain": one.result.score - alone.result.score,
                "fossils": one.fossils,
                "decisions": one.decisions,
            }
            for one, alone in zip(played, waited, strict=True)
        ]
    kept.write_text(json.dumps(found))


def _build(policy: str, seed: int) -> Controller:
    task = get_task(TASK)
    slots = tuple(task.slots)
    config = ControllerConfig()
    return build_run_controller(policy, config, task.config, slot_ids=slots, seed=seed)


def _find_median() -> int:
    """Return the training whose last rounds gained neither most nor least."""
    gains = sorted((_read(f"training-{seed}")["last_gain"], seed) for seed in range(TRAININGS))
    return int(gains[TRAININGS // 2][1])


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


if __name__ == "__main__":
    main()

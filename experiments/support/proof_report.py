"""Tables and pictures of the proof, from its raw results."""

from __future__ import annotations

import json
from collections import Counter
from operator import itemgetter
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from rich.console import Console
from support.ceiling import gather_gains, measure_ceiling
from support.host_episodes import TASK

from tamiyo.contracts import GAIN_METRIC, ComparisonRow
from tamiyo.recipes import compute_paired_interval
from tamiyo.tasks import HostSource, get_task
from tamiyo.telemetry import read_events
from tamiyo.ui import LearningCurve, draw_learning_picture, render_compare_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tamiyo.recipes import TrainConfig

__all__ = ["draw_pictures", "name_row", "print_behavior", "print_tables", "summarize_rounds"]

_LAST_ROUNDS = 8
_LABEL_POINTS = 0.14
_NAMES = {"school": "learned on synthetic hosts", "controller": "learned"}


def name_row(kind: str, seed: int) -> str:
    """Name the row of a trained controller.

    Args:
        kind: ``school`` before it saw a real host, ``controller`` after.
        seed: Seed of its training.
    """
    return f"{_NAMES[kind]}, {seed}"


def summarize_rounds(run: Path, config: TrainConfig) -> dict[str, Any]:
    """Summarize the rounds of a training on real hosts from its events.

    Args:
        run: Its folder.
        config: What it was trained with.

    Returns:
        Steps and metrics of every round; episodes and host epochs, those of the twins included;
        the mean gain of the last rounds.
    """
    reports = [
        event["report"]
        for event in read_events(run / "events.jsonl").events
        if event["event"] == "UpdateCompleted"
    ]
    rounds = [
        {
            "steps": report["steps"],
            "kl": report["policy"]["kl"],
            "explained_variance": report["value"]["explained_variance"],
            "ops": report["ops"],
            "entropy": {name: head["entropy"] for name, head in report["heads"].items()},
            **report["rollout"]["environment"],
        }
        for report in reports
    ]
    episodes = sum(report["rollout"]["episodes"] for report in reports)
    trained = episodes * (1 + 1 / config.hosts.group_size)
    return {
        "rounds": rounds,
        "episodes": episodes,
        "host_epochs": round(trained * config.hosts.task_config.max_epochs),
        "last_gain": fmean(one[GAIN_METRIC] for one in rounds[-_LAST_ROUNDS:]),
    }


def print_tables(results: Path, median_name: str) -> None:
    """Print what was spent, what the controller does, and every comparison.

    Args:
        results: Folder of the raw results.
        median_name: Row of the controller that the others are compared with.
    """
    console = Console(width=160)
    for path in sorted(results.glob("training-*.json")):
        course = json.loads(path.read_text())
        console.print(
            f"training {course['seed']}: {course['school_steps']:,} synthetic steps in "
            f"{_write_seconds(course['school_cpu_seconds'])}, then {course['episodes']:,} "
            f"episodes, {course['host_epochs']:,} host epochs in "
            f"{_write_seconds(course['cpu_seconds'])}; "
            f"{course['last_gain']:+.2f} points in its last rounds",
            highlight=False,
        )
    for path in sorted(results.glob("searched-*.json")):
        found = json.loads(path.read_text())
        console.print(
            f"{path.stem}: {found['episodes']:,} episodes in "
            f"{found['cpu_seconds']:.0f} CPU-seconds",
            highlight=False,
        )
    if (results / "behavior.json").exists():
        print_behavior(json.loads((results / "behavior.json").read_text()))
    for path in sorted(results.glob("compare-*.json")):
        _print_comparison(json.loads(path.read_text()), path.stem, median_name, console)
        _print_ceiling(path.stem.removeprefix("compare-"), results.parent, console)


def _write_seconds(seconds: float | None) -> str:
    return "unmeasured time" if seconds is None else f"{seconds:.0f} CPU-seconds"


def _print_comparison(
    found: Mapping[str, Any], title: str, median_name: str, console: Console
) -> None:
    """Print one table, and by how much the median controller leads each row."""
    grown, scores = median_name, found["scores"]
    console.print(f"\n[bold]{title}[/bold]: {len(found['seeds'])} seeds")
    console.print(render_compare_table([ComparisonRow(**row) for row in found["rows"]]))
    for name, of_seeds in scores.items():
        if name == grown:
            continue
        lead = compute_paired_interval(scores[grown], of_seeds, seed=0)
        mean = fmean(scores[grown]) - fmean(of_seeds)
        console.print(
            f"{grown} less {name}: {lead.mean:+.2f} [{lead.low:+.2f}, {lead.high:+.2f}], "
            f"mean {mean:+.2f}",
            highlight=False,
        )


def _print_ceiling(source: str, folder: Path, console: Console) -> None:
    """Say how much adapting to the host can win in a table; nothing where all hosts are alike."""
    path = folder / "host_ceiling.json"
    if source == HostSource.FIXED or not path.exists():
        return
    distribution = get_task(TASK).distribution
    assert distribution is not None, "digits-cnn has one"
    held_out, varied = distribution.held_out, distribution.varied
    kinds = list(held_out if source == HostSource.HELD_OUT else varied)
    own, common = measure_ceiling(gather_gains(json.loads(path.read_text()), kinds))
    console.print(
        f"adapting can win {own - common:.1f} points on such hosts: the best schedule of each kind "
        f"gains {own:+.1f} over waiting, the best for all kinds {common:+.1f}",
        highlight=False,
    )


def print_behavior(found: Mapping[str, Any]) -> None:
    """Print what a controller does on each kind of host, as a Markdown table.

    Args:
        found: Kind of host to one record per episode.
    """
    print("\n| kind of host | episodes | grown | first planted, epoch | gain, points | committed |")
    print("|---|---|---|---|---|---|")
    for kind, played in found.items():
        grown = [one for one in played if one["fossils"]]
        first = [min(epoch for epoch, op in one["decisions"] if op == "GERMINATE") for one in grown]
        kept = Counter(blueprint for one in played for blueprint in one["fossils"])
        listing = ", ".join(f"{name} {count}" for name, count in kept.most_common(3))
        print(
            f"| {kind} | {len(played)} | {len(grown) / len(played):.0%} | "
            f"{median(first) if first else '-'} | {fmean(one['gain'] for one in played):+.2f} | "
            f"{listing or 'nothing'} |"
        )


def draw_pictures(results: Path, folder: Path) -> None:
    """Draw learning curves, and accuracy against parameters.

    Args:
        results: Folder of the raw results.
        folder: Where the pictures go.
    """
    courses = [json.loads(path.read_text()) for path in sorted(results.glob("training-*.json"))]
    if courses:
        curves = [
            LearningCurve(
                group="trainings",
                steps=tuple(one["steps"] for one in course["rounds"]),
                values=tuple(one[GAIN_METRIC] for one in course["rounds"]),
            )
            for course in courses
        ]
        label = "score beyond waiting, points"
        draw_learning_picture(curves, folder / "proof-learning.png", label=label)
    fixed = results / "compare-fixed.json"
    if fixed.exists():
        _draw_trade(json.loads(fixed.read_text()), folder / "proof-compare-fixed.png")


def _draw_trade(found: Mapping[str, Any], path: Path) -> None:
    """Draw what each row's accuracy costs in parameters."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    below = 0.0
    for row in sorted(found["rows"], key=itemgetter("test_accuracy")):
        # Labels of neighbors are moved apart, upwards.
        below = max(row["test_accuracy"], below + _LABEL_POINTS)
        is_learned = row["name"].startswith("learned")
        axes.plot(
            row["parameters"],
            row["test_accuracy"],
            marker="o",
            markersize=8 if is_learned else 6,
            color="#0b6e4f" if is_learned else "#7a7a7a",
        )
        axes.annotate(
            row["name"],
            (row["parameters"] * 1.02, below),
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xlabel("parameters of the committed network, mean")
    axes.set_ylabel("test accuracy, points, mean")
    axes.grid(visible=True, linewidth=0.4)
    figure.savefig(path, dpi=120)

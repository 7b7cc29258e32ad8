"""``tamiyo compare``: one table of controllers and static networks on paired seeds."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tyro.conf import arg

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import encode_record
from tamiyo.recipes import Comparison, RunConfig, compare_controllers
from tamiyo.tasks import get_task
from tamiyo.ui import MetricView, render_compare_table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CompareArguments", "run"]

_EXAMPLES = """\
  tamiyo compare --task digits-canvas --controllers wait-only,random-legal,heuristic --seeds 20
  tamiyo compare --task digits-cnn --controllers heuristic,schedule:plan.toml --seeds 10 --json
  tamiyo compare --task digits-cnn --controllers heuristic,learned:runs/train-digits-cnn-0
  tamiyo compare --plateau-epochs 4  (short for --heuristic.plateau-epochs-to-germinate 4)"""


@dataclass(frozen=True, kw_only=True)
class CompareArguments:
    """Compare controllers on paired seeds, beside networks that never grew.

    Attributes:
        run: Settings of every run; the seed is the first one.
        controllers: Controllers with commas between; static networks are built beside the last one.
        seeds: How many seeds, at least 2.
        reference: Controller the differences are taken to.
        workers: Processes to use, one torch thread each; every processor if not given.
        json: Print one JSON object and nothing else.
    """

    run: Annotated[RunConfig, arg(name="")] = field(default_factory=RunConfig)
    controllers: str = "wait-only,random-legal,heuristic"
    seeds: int = 20
    reference: str = "wait-only"
    workers: int | None = None
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If what was asked for cannot be done; nothing was trained then.
    """
    arguments = read_flags(CompareArguments, words, command="compare", examples=_EXAMPLES)
    torch.set_num_threads(1)
    workers = arguments.workers if arguments.workers is not None else os.cpu_count() or 1
    console = Console(stderr=True)
    with Progress(
        TextColumn("networks"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=arguments.json or not console.is_terminal,
    ) as progress:
        bar = progress.add_task("networks", total=None, done="")
        comparison = compare_controllers(
            arguments.run,
            [name.strip() for name in arguments.controllers.split(",")],
            seeds=arguments.seeds,
            reference=arguments.reference,
            workers=workers,
            on_progress=lambda done, total: progress.update(
                bar, completed=done, total=total, done=f"{done:.1f}/{total}"
            ),
        )
    if arguments.json:
        print(json.dumps(encode_record(comparison)))
    else:
        metric = get_task(comparison.task).config.metric
        Console().print(render_compare_table(comparison.rows, metric))
        print(f"\n{_describe(comparison, MetricView(metric))}")


def _describe(comparison: Comparison, metric: MetricView) -> str:
    first, last = comparison.seeds[0], comparison.seeds[-1]
    seeds = f"{len(comparison.seeds)} paired seeds ({first} to {last})"
    lines = [
        f"{comparison.task}, {seeds}{metric.introduction}",
        f"difference: score minus the score of {comparison.reference} on the same seed, points; "
        "interquartile mean [95 % bootstrap interval]",
    ]
    if metric.point:
        lines.append(metric.point)
    if comparison.engine is not None:
        lines.append(f"engine: {comparison.engine.kind}, {comparison.engine.reason}")
    if comparison.grown is not None:
        lines.append(
            f"static-final and width family: built beside {comparison.grown}, seed by seed; "
            f"score of {comparison.grown} minus theirs:"
        )
        lines += [
            f"  {name}: {lead.mean:+.2f} [{lead.low:+.2f}, {lead.high:+.2f}]"
            for name, lead in comparison.leads.items()
        ]
    return "\n".join(lines)

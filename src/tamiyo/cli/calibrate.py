"""``tamiyo calibrate``: does a task leave room to grow?"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ConfigError, encode_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import TaskConfig
    from tamiyo.tasks import CalibrationRow, Qualification

__all__ = ["CalibrateArguments", "run"]

_FEWEST_SEEDS: Final = 2
_MOST_SEEDS: Final = 1_000_000
_EXAMPLES: Final = """\
  tamiyo calibrate --task digits-canvas --seeds 8
  tamiyo calibrate --task digits-canvas --widths 6 14 --learning-rate 0.01
  tamiyo calibrate --task digits-cnn --seeds 8 --json"""


@dataclass(frozen=True, kw_only=True)
class CalibrateArguments:
    """Train a task's bare hosts and say whether the task leaves room to grow.

    Attributes:
        task: Name of the task.
        seeds: How many seeds of each width, at least 2.
        widths: Widths of the hosts to train, one of them about four times the task's host in
            parameters; the task's family if not given.
        learning_rate: Learning rate to train with; the task's if not given.
        epochs: Epochs to train, the closing ones included; the task's if not given.
        json: Print one JSON object and nothing else.
    """

    task: str = "digits-canvas"
    seeds: int = 8
    widths: tuple[int, ...] | None = None
    learning_rate: float | None = None
    epochs: int | None = None
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        ConfigError: If the task is unknown or there are too few seeds.
    """
    arguments = read_flags(CalibrateArguments, words, command="calibrate", examples=_EXAMPLES)
    import torch

    from tamiyo.tasks import calibrate_task, check_widths, get_task, judge_task, read_width

    torch.set_num_threads(1)
    if not _FEWEST_SEEDS <= arguments.seeds <= _MOST_SEEDS:
        is_few = arguments.seeds < _FEWEST_SEEDS
        rule = f"least {_FEWEST_SEEDS}" if is_few else f"most {_MOST_SEEDS}"
        message = f"seeds must be at {rule}, got {arguments.seeds}"
        raise ConfigError(message)
    task = get_task(arguments.task)
    if arguments.learning_rate is not None:
        config = replace(task.config, learning_rate=arguments.learning_rate)
        task = replace(task, config=config)
    widths = arguments.widths or [read_width(recipe) for recipe in task.family]
    check_widths(task, widths)
    console = Console(stderr=True)
    hidden = arguments.json or not console.is_terminal
    with Progress(console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task("networks", total=len(widths) * arguments.seeds)
        rows = calibrate_task(
            task,
            seeds=range(arguments.seeds),
            widths=widths,
            epochs=arguments.epochs,
            progress=lambda _row: progress.advance(bar),
        )
    verdict = judge_task(task, rows)
    if arguments.json:
        content = {**encode_record(verdict), "qualified": verdict.is_qualified}
        print(json.dumps(content))
        return
    _print_verdict(verdict, rows, task.config)


def _print_verdict(
    verdict: Qualification, rows: Sequence[CalibrationRow], config: TaskConfig
) -> None:
    from tamiyo.ui import MetricView

    view = MetricView(config.metric)
    unit = view.unit.strip() or "points"
    Console().print(_render(rows, unit))
    word = "qualifies" if verdict.is_qualified else "does not qualify"
    print(
        f"{config.name} {word}: {verdict.wide_parameters} parameters reach "
        f"{verdict.wide_accuracy:.1f} {unit} on control, the host's "
        f"{verdict.host_parameters} reach {verdict.host_accuracy:.1f} {unit} "
        f"({verdict.gain_points:+.1f} points, at least "
        f"{verdict.required_points:.0f} asked for); slope before the rate falls "
        f"{verdict.host_slope:+.2f} and {verdict.wide_slope:+.2f} points per epoch"
    )
    if view.point:
        print(view.point)


def _render(rows: Sequence[CalibrationRow], unit: str) -> Table:
    by_size: dict[int, list[CalibrationRow]] = defaultdict(list)
    for row in rows:
        by_size[row.parameters].append(row)
    table = Table(box=None, header_style="bold")
    for column in ("parameters", f"control {unit}", "sd", "slope"):
        table.add_column(column, justify="right")
    for parameters, group in by_size.items():
        accuracies = [row.final_accuracy for row in group]
        slope = fmean(row.plateau_slope for row in group)
        table.add_row(
            str(parameters), f"{fmean(accuracies):.1f}", f"{stdev(accuracies):.1f}", f"{slope:+.2f}"
        )
    return table

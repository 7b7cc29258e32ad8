"""``tamiyo evaluate``: judge an exported network, or a trained controller beside simpler ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ACCURACY, ConfigError, encode_record

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EvaluateArguments", "run"]

_EXAMPLES = """\
  tamiyo evaluate runs/train-surrogate-0 --seeds 256
  tamiyo evaluate runs/train-surrogate-0 --slots 5
  tamiyo evaluate --network runs/digits-canvas-heuristic-0 --task digits-canvas
  tamiyo evaluate --network my-run/export --task digits-cnn --json"""


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """Judge a trained controller on fresh episodes, or an exported network on a test split.

    Attributes:
        run: Folder of a controller's training.
        seeds: Episodes to judge a controller on, at least 2, paired over all rows.
        first_seed: Seed of the first of them.
        slots: Slots of the synthetic hosts it is judged on, if not those it was trained on.
        network: Instead of a controller: a run folder, or the export folder in it.
        task: Task to judge the network on.
        json: Print one JSON object and nothing else.
    """

    run: Positional[Annotated[Path | None, arg(metavar="RUN")]] = None
    seeds: int = 64
    first_seed: int = 0
    slots: int | None = None
    network: Path | None = None
    task: str | None = None
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        ConfigError: If not exactly one of a run, or a network with its task, is named.
        TamiyoError: If what is named is missing or damaged, or does not fit.
    """
    arguments = read_flags(EvaluateArguments, words, command="evaluate", examples=_EXAMPLES)
    if arguments.run is not None and arguments.network is None and arguments.task is None:
        _evaluate_controller(arguments, arguments.run)
    elif arguments.run is None and arguments.network is not None and arguments.task is not None:
        if arguments.slots is not None:
            message = f"--slots must go with a training, got {arguments.slots} for a network"
            raise ConfigError(message)
        _evaluate_network(arguments, arguments.network, arguments.task)
    else:
        named = ", ".join(
            f"{name} {value}"
            for name in ("run", "network", "task")
            if (value := getattr(arguments, name)) is not None
        )
        message = (
            "evaluate must be given either the folder of a training, or --network with --task, "
            f"got {named or 'neither'}"
        )
        raise ConfigError(message)


def _evaluate_controller(arguments: EvaluateArguments, folder: Path) -> None:
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from tamiyo.recipes import evaluate_controller
    from tamiyo.ui import render_compare_table

    torch.set_num_threads(1)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=arguments.json or not console.is_terminal,
    ) as progress:
        bar = progress.add_task("searching schedules", total=1.0)
        comparison = evaluate_controller(
            folder,
            seeds=arguments.seeds,
            first_seed=arguments.first_seed,
            slots=arguments.slots,
            on_progress=lambda share: progress.update(bar, completed=share),
        )
    if arguments.json:
        print(json.dumps(encode_record(comparison)))
        return
    Console().print(render_compare_table(comparison.rows))
    first, last = comparison.seeds[0], comparison.seeds[-1]
    print(
        f"\n{comparison.task}, {len(comparison.seeds)} paired episodes (seeds {first} to {last})\n"
        f"difference: score minus that of {comparison.reference} in the same episode; "
        "interquartile mean [95 % bootstrap interval]"
    )
    for name, lead in comparison.leads.items():
        print(f"learned minus {name}: {lead.mean:+.2f} [{lead.low:+.2f}, {lead.high:+.2f}]")
    for name, reason in comparison.skipped.items():
        print(f"no {name}: {reason}")


def _evaluate_network(arguments: EvaluateArguments, network: Path, task: str) -> None:
    import torch

    from tamiyo.recipes import evaluate_network, load_network
    from tamiyo.ui import MetricView

    torch.set_num_threads(1)
    result = evaluate_network(load_network(network), task)
    if arguments.json:
        value = result.metric.to_value(result.test_accuracy)
        content = {"network": str(network), **encode_record(result), "test_value": value}
        print(json.dumps(content))
        return
    reached = MetricView(result.metric).write(result.test_accuracy)
    reached = f"{reached} right" if result.metric == ACCURACY else f"{result.metric.name} {reached}"
    print(
        f"{network}: {reached} on the test split of {result.task}, {result.parameters} parameters"
    )

"""``tamiyo grow``: grow one network, show it growing, keep what it left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from rich.console import Console
from tyro.conf import arg

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ConfigError, encode_record
from tamiyo.recipes import RunConfig, StopRequest, TaskResult, grow_task
from tamiyo.ui import ProgressSink, draw_growth_picture, render_result_table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GrowArguments", "run"]

_EXAMPLES = """\
  tamiyo grow --task digits-canvas --controller heuristic --seed 0
  tamiyo grow --task digits-cnn --controller schedule:plan.toml --max-parameters 1000
  tamiyo grow --task digits-cnn --controller learned:runs/train-digits-cnn-0
  tamiyo grow --slots r0c0 r0c1 --epochs 40 --json
  tamiyo grow --task digits-cnn --log tensorboard wandb
  tamiyo grow --plateau-epochs 4  (short for --heuristic.plateau-epochs-to-germinate 4)"""


@dataclass(frozen=True, kw_only=True)
class GrowArguments:
    """Grow one network and keep its record, picture and export.

    Attributes:
        run: Everything that decides the run.
        out: Folder for the run's files; ``runs/TASK-CONTROLLER-SEED`` if not given.
        overwrite: Replace an earlier run in that folder.
        twin: Also train the host alone on the same seed, to compare with.
        log: Programs that are told of the run as well: tensorboard, wandb.
        json: Print one JSON object and nothing else.
    """

    run: Annotated[RunConfig, arg(name="")] = field(default_factory=RunConfig)
    out: Path | None = None
    overwrite: bool = False
    twin: bool = True
    log: tuple[str, ...] = ()
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If what was asked for cannot be done; nothing was written then.
    """
    arguments = read_flags(GrowArguments, words, command="grow", examples=_EXAMPLES)
    torch.set_num_threads(1)
    config = arguments.run
    controller = config.controller.replace(":", "-").replace("/", "-")
    out = arguments.out or Path("runs") / f"{config.task}-{controller}-{config.seed}"
    console = Console(quiet=arguments.json)
    with StopRequest() as stop, ProgressSink(console) as progress:
        grown = grow_task(
            config,
            out,
            overwrite=arguments.overwrite,
            twin=arguments.twin,
            sink=progress,
            exports=arguments.log,
            should_stop=stop,
        )
        picture = _draw(grown, console)
    if arguments.json:
        print(json.dumps(_describe(grown, picture)))
        return
    console.print(render_result_table(grown.summary))
    console.print(f"run folder  {grown.folder.path}")
    console.print(f"network     {grown.folder.export}")
    if picture is not None:
        console.print(f"picture     {picture}")


def _draw(grown: TaskResult, console: Console) -> Path | None:
    """Draw the picture; without the extra for it the run is whole all the same."""
    try:
        draw_growth_picture(grown.summary, grown.folder.picture)
    except ConfigError as error:
        console.print(f"no picture: {error}")
        return None
    return grown.folder.picture


def _describe(grown: TaskResult, picture: Path | None) -> dict[str, object]:
    summary = grown.summary
    return {
        "task": summary.task,
        "metric": encode_record(summary.metric),
        "controller": summary.controller,
        "seed": summary.seed,
        "host_parameters": summary.host_parameters,
        "interrupted": summary.outcome is not None and summary.outcome.interrupted,
        **encode_record(grown.result),
        "folder": str(grown.folder.path),
        "host_alone": None if summary.twin is None else encode_record(summary.twin),
        "picture": None if picture is None else str(picture),
    }

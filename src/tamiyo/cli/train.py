"""``tamiyo train``: train a controller, show how it learns, keep what it takes to go on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from rich.console import Console
from tyro.conf import arg

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ConfigError
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import (
    StopRequest,
    TrainConfig,
    TrainResult,
    resume_training,
    train_controller,
)
from tamiyo.telemetry import read_events, summarize_training
from tamiyo.ui import LearningCurve, TrainingSink, draw_learning_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.telemetry import TrainingSummary

__all__ = ["TrainArguments", "run"]

_EXAMPLES = """\
  tamiyo train --env surrogate --seed 0
  tamiyo train --env surrogate --ppo.inner-epochs 8 --network.hidden 128
  tamiyo train --env surrogate --surrogate.noise-points 1.0 --total-steps 100000 --out runs/noisy
  tamiyo train --env tamiyo/CartPoleNoVelocity-v0 --envs 16 --total-steps 50000
  tamiyo train --resume runs/train-surrogate-0  (goes on where Ctrl-C stopped it)"""


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Train a controller with recurrent PPO.

    Attributes:
        run: Everything that decides the training.
        out: Folder for its files; ``runs/train-ENV-SEED`` if not given.
        overwrite: Replace an earlier run in that folder.
        large: Use the large network, 512 features in trunk and memory.
        resume: Folder of a training that was stopped, to go on with; every other setting is read
            from it.
        json: Print one JSON object and nothing else.
    """

    run: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    out: Path | None = None
    overwrite: bool = False
    large: bool = False
    resume: Path | None = None
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If what was asked for cannot be done; nothing was written then.
        ConfigError: If a training that is resumed is given other settings.
    """
    arguments = read_flags(TrainArguments, words, command="train", examples=_EXAMPLES)
    torch.set_num_threads(1)
    console = Console(quiet=arguments.json)
    with StopRequest() as stop, TrainingSink(console) as shown:
        if arguments.resume is not None:
            if arguments != TrainArguments(resume=arguments.resume, json=arguments.json):
                message = "--resume must stand alone (but for --json), got other settings with it"
                raise ConfigError(message)
            trained = resume_training(arguments.resume, sink=shown, should_stop=stop)
        else:
            env = re.split("[/:]", arguments.run.env)[-1]
            name = f"train-{env}-{arguments.run.seed}"
            trained = train_controller(
                _choose_network(arguments),
                arguments.out or Path("runs") / name,
                overwrite=arguments.overwrite,
                sink=shown,
                should_stop=stop,
            )
    _report(trained, console, as_json=arguments.json)


def _choose_network(arguments: TrainArguments) -> TrainConfig:
    """Return the run with the large network if it is asked for.

    Raises:
        ConfigError: If sizes of its own are asked for as well.
    """
    learner = arguments.run.learner
    if not arguments.large:
        return arguments.run
    if learner.network != NetworkConfig():
        message = f"--large must stand without sizes of the network, got {learner.network}"
        raise ConfigError(message)
    return replace(arguments.run, learner=replace(learner, network=NetworkConfig.large()))


def _report(trained: TrainResult, console: Console, *, as_json: bool) -> None:
    summary = summarize_training(read_events(trained.folder.events).events)
    picture = _draw(trained, summary, console)
    folder = trained.folder.path
    if as_json:
        content = {
            "folder": str(folder),
            "env": trained.config.env,
            "seed": trained.config.seed,
            "updates": trained.updates,
            "steps": trained.steps,
            "interrupted": trained.interrupted,
            "episode_return": summary.returns[-1] if summary.returns else None,
            "picture": None if picture is None else str(picture),
        }
        print(json.dumps(content))
        return
    console.print(f"run folder  {folder}")
    if picture is not None:
        console.print(f"picture     {picture}")
    following = f"train --resume {folder}" if trained.interrupted else f"evaluate {folder}"
    console.print(f"next        tamiyo {following}", soft_wrap=True)


def _draw(trained: TrainResult, summary: TrainingSummary, console: Console) -> Path | None:
    """Draw the learning picture; without the extra or room for it the run is whole all the same."""
    curve = LearningCurve(
        group=f"seed {trained.config.seed}", steps=summary.steps, values=summary.returns
    )
    try:
        draw_learning_picture([curve], trained.folder.curve, label="return of the episodes")
    except (ConfigError, OSError) as error:
        console.print(f"no picture: {error}")
        return None
    return trained.folder.curve

"""``tamiyo train``: train a controller, show how it learns, keep what it takes to go on."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from rich.console import Console
from tyro.conf import EnumChoicesFromValues, arg

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ConfigError
from tamiyo.engine import ask_for_equal_bits
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import (
    StopRequest,
    TrainConfig,
    TrainResult,
    count_rollout_steps,
    resume_training,
    train_controller,
)
from tamiyo.rewards import RewardConfig, RewardPreset
from tamiyo.telemetry import EventScan, summarize_training
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
  tamiyo train --task digits-cnn --rounds 40 --workers 2
  tamiyo train --task digits-cnn --hosts.hosts varied --start runs/train-surrogate-0
  tamiyo train --resume runs/train-surrogate-0  (goes on where Ctrl-C stopped it)"""


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Train a controller with recurrent PPO.

    Attributes:
        run: Everything that decides the training.
        out: Folder for its files; ``runs/train-ENV-SEED`` if not given.
        overwrite: Replace an earlier run in that folder.
        rounds: Rollouts to train for, instead of ``total_steps``.
        workers: Processes that train a task's hosts; every processor if not given. Results do not
            depend on it.
        reward: On a task, what steps are paid: sparse pays the score at the end, shaped every part
            of the reward.
        large: Use the large network, 512 features in trunk and memory.
        resume: Folder of a training that was stopped, to go on with; every other setting is read
            from it.
        log: Programs that are told of the training as well: tensorboard, wandb.
        json: Print one JSON object and nothing else.
    """

    run: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    out: Path | None = None
    overwrite: bool = False
    rounds: int | None = None
    workers: int | None = None
    reward: Annotated[RewardPreset | None, EnumChoicesFromValues] = None
    large: bool = False
    resume: Path | None = None
    log: tuple[str, ...] = ()
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If what was asked for cannot be done; nothing was written then.
        ConfigError: If a training that is resumed is given other settings.
    """
    arguments = read_flags(TrainArguments, words, command="train", examples=_EXAMPLES)
    torch.set_num_threads(1)
    ask_for_equal_bits()
    workers = arguments.workers if arguments.workers is not None else os.cpu_count() or 1
    console = Console(quiet=arguments.json)
    with StopRequest() as stop, TrainingSink(console) as shown:
        if arguments.resume is not None:
            if replace(arguments, workers=None, json=False, log=()) != TrainArguments(
                resume=arguments.resume
            ):
                message = (
                    "--resume must stand alone (but for --workers, --log and --json), "
                    "got other settings with it"
                )
                raise ConfigError(message)
            shown.show_wait("bringing the episodes under way to where they stood ...")
            trained = resume_training(
                arguments.resume,
                workers=workers,
                sink=shown,
                exports=arguments.log,
                should_stop=stop,
                on_step=shown.show_steps,
            )
        else:
            config = _count_rounds(arguments.rounds, _choose_reward(arguments))
            problem = re.split("[/:]", config.problem)[-1]
            trained = train_controller(
                config,
                arguments.out or Path("runs") / f"train-{problem}-{config.seed}",
                overwrite=arguments.overwrite,
                workers=workers,
                sink=shown,
                exports=arguments.log,
                should_stop=stop,
                on_step=shown.show_steps,
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


def _choose_reward(arguments: TrainArguments) -> TrainConfig:
    """Return the run with the composition of the reward that is asked for.

    Raises:
        ConfigError: If there is no task, or weights of its own are asked for as well.
    """
    config = _choose_network(arguments)
    if arguments.reward is None:
        return config
    if config.task is None:
        message = f"--reward must go with --task, got {arguments.reward} without one"
        raise ConfigError(message)
    if config.hosts.reward != RewardConfig():
        message = f"--reward must stand without weights of its own, got {config.hosts.reward}"
        raise ConfigError(message)
    reward = RewardConfig.preset(arguments.reward)
    return replace(config, hosts=replace(config.hosts, reward=reward))


def _count_rounds(rounds: int | None, config: TrainConfig) -> TrainConfig:
    """Return the run with as many rollouts as are asked for.

    Raises:
        ConfigError: If there are none, or total steps of its own are asked for as well.
    """
    if rounds is None:
        return config
    learner = config.learner
    if rounds < 1 or learner.total_steps != TrainerConfig().total_steps:
        message = f"--rounds must be at least 1 and stand without --total-steps, got {rounds}"
        raise ConfigError(message)
    steps = rounds * count_rollout_steps(config)
    return replace(config, learner=replace(learner, total_steps=steps))


def _report(trained: TrainResult, console: Console, *, as_json: bool) -> None:
    summary = summarize_training(EventScan(trained.folder.events))
    picture = _draw(trained, summary, console)
    folder = trained.folder.path
    if as_json:
        content = {
            "folder": str(folder),
            "env": trained.config.problem,
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

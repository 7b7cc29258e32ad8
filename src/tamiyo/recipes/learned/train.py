"""Train a controller: rollouts and updates, with a record, checkpoints and the way back to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    ArtifactError,
    TrainingFinished,
    TrainingStarted,
    decode_record,
    encode_record,
)
from tamiyo.learning import Trainer
from tamiyo.model import write_atomically
from tamiyo.recipes.config import is_debugging
from tamiyo.recipes.learned.config import TrainConfig, build_env, hash_training
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import FanOutSink, JsonlSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tamiyo.contracts import Event, EventSink

__all__ = ["TrainResult", "load_training", "resume_training", "train_controller"]


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a training left behind.

    Attributes:
        folder: Its files.
        config: What it was trained with.
        updates: Updates made.
        steps: Environment steps made.
        interrupted: True if it was stopped before its last update; it can be resumed.
    """

    folder: RunFolder
    config: TrainConfig
    updates: int
    steps: int
    interrupted: bool


def train_controller(
    config: TrainConfig,
    path: Path,
    *,
    overwrite: bool = False,
    sink: EventSink,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Train a controller from scratch.

    Args:
        config: Everything that decides the training.
        path: Folder for its files: configuration, event log, checkpoint.
        overwrite: Whether an earlier run in this folder may be replaced.
        sink: Another place for the events to go to.
        should_stop: Asked before every update; when it says so, a checkpoint is written.

    Raises:
        TamiyoError: If the folder is in the way or the environment cannot be learned on; nothing
            was written then.
    """
    trainer = _Training(config, RunFolder(path))
    trainer.folder.create({"train": encode_record(config)}, overwrite=overwrite)
    return trainer.run(sink, should_stop)


def resume_training(
    path: Path, *, sink: EventSink, should_stop: Callable[[], bool] = lambda: False
) -> TrainResult:
    """Go on with a training that was stopped, as if it had not been.

    Events after its last checkpoint are dropped from the log: they are made again.

    Args:
        path: Its folder.
        sink: Another place for the events to go to.
        should_stop: As above.

    Raises:
        ArtifactError: If the folder holds no training, or its checkpoint is missing or damaged.
    """
    config, folder = load_training(path)
    trainer = _Training(config, folder)
    trainer.load()
    return trainer.run(sink, should_stop)


def load_training(path: Path) -> tuple[TrainConfig, RunFolder]:
    """Read what a folder's controller was trained with.

    Raises:
        ArtifactError: If the folder holds no training.
    """
    folder = RunFolder(path)
    content = folder.read_config()
    if "train" not in content:
        message = f"run folder must hold the training of a controller, got {path}"
        raise ArtifactError(message)
    return decode_record(TrainConfig, content["train"]), folder


class _Training:
    """One training with its folder."""

    def __init__(self, config: TrainConfig, folder: RunFolder) -> None:
        self.folder = folder
        self._config = config
        self._sinks = FanOutSink()
        self._env = build_env(config)
        self._trainer = Trainer(
            self._env,
            config.learner,
            seed=config.seed,
            sink=self._sinks,
            check_invariants=is_debugging(),
        )

    def load(self) -> None:
        """Go on from the checkpoint, and forget the events after it."""
        self._trainer.load_checkpoint(self.folder.checkpoint)
        _forget_after(self.folder.events, self._trainer.updates)

    def run(self, sink: EventSink, should_stop: Callable[[], bool]) -> TrainResult:
        trainer = self._trainer
        with JsonlSink(self.folder.events, append=True) as log:
            self._sinks.add(log)
            self._sinks.add(sink)
            self._sinks.emit(self._describe_start())
            while not (trainer.is_finished or should_stop()):
                trainer.update()
                if trainer.updates % self._config.checkpoint_updates == 0:
                    self._save()
            self._save()
            interrupted = not trainer.is_finished
            self._sinks.emit(
                TrainingFinished(
                    updates=trainer.updates, steps=trainer.steps, interrupted=interrupted
                )
            )
        self._env.close()
        return TrainResult(
            folder=self.folder,
            config=self._config,
            updates=trainer.updates,
            steps=trainer.steps,
            interrupted=interrupted,
        )

    def _describe_start(self) -> Event:
        spec = self._env.spec
        return TrainingStarted(
            env_id=self._config.env if spec is None else spec.id,
            seed=self._config.seed,
            config_hash=hash_training(self._config),
            num_envs=self._config.envs,
            total_steps=self._config.learner.total_steps,
            steps=self._trainer.steps,
            parameters=sum(weights.numel() for weights in self._trainer.network.parameters()),
        )

    def _save(self) -> None:
        write_atomically(self.folder.checkpoint, self._trainer.encode_checkpoint())


def _forget_after(log: Path, updates: int) -> None:
    """Cut an event log after the report of an update, since later ones will be made again.

    Raises:
        ArtifactError: If it does not reach that far.
    """
    kept = bytearray()
    reached = 0
    for line in log.read_bytes().splitlines(keepends=True) if log.exists() else ():
        if reached == updates and b'"UpdateCompleted"' in line:
            break
        kept += line
        if b'"UpdateCompleted"' in line:
            reached = json.loads(line)["report"]["update"]
    if reached != updates:
        message = f"event log must hold {updates} updates like its checkpoint, got {reached}: {log}"
        raise ArtifactError(message)
    write_atomically(log, bytes(kept))

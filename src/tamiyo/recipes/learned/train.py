"""Train a controller: rollouts and updates, with a record, checkpoints and the way back to them."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import (
    ArtifactError,
    ConfigError,
    TrainingFinished,
    TrainingStarted,
    decode_record,
    encode_record,
)
from tamiyo.learning import Trainer, load_policy
from tamiyo.model import write_atomically
from tamiyo.recipes.config import is_debugging
from tamiyo.recipes.learned.config import TrainConfig, build_env, hash_training
from tamiyo.recipes.learned_controller import find_policy
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import FanOutSink, JsonlSink, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tamiyo.contracts import Event, EventSink

__all__ = ["TrainResult", "load_training", "resume_training", "train_controller"]

_NO_MEMORY: Final = "allocate memory"  # what torch says, as a RuntimeError


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
    workers: int = 1,
    sink: EventSink,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int], None] = lambda _steps: None,
) -> TrainResult:
    """Train a controller from its first step.

    Args:
        config: Everything that decides the training.
        path: Folder for its files: configuration, event log, checkpoint.
        overwrite: Whether an earlier run in this folder may be replaced.
        workers: Processes to train a task's hosts in; the result does not depend on it.
        sink: Another place for the events to go to.
        should_stop: Asked before every step of the environments; when it says so, a checkpoint is
            written.
        on_step: Told after every step of the environments how many were made in all.

    Raises:
        TamiyoError: If the folder is in the way or the environment cannot be learned on; nothing
            was written then.
    """
    trainer = _Training(config, RunFolder(path), workers, on_step)
    if config.start is not None:
        trainer.start_from(config.start)
    trainer.folder.create({"train": encode_record(config)}, overwrite=overwrite)
    return trainer.run(sink, should_stop)


def resume_training(
    path: Path,
    *,
    workers: int = 1,
    sink: EventSink,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int], None] = lambda _steps: None,
) -> TrainResult:
    """Go on with a training that was stopped, as if it had not been.

    Events after its last checkpoint are dropped from the log: they are made again.

    Args:
        path: Its folder.
        workers: As for :func:`train_controller`, like all others.
        sink: Another place for the events to go to.
        should_stop: Asked before every step of the environments.
        on_step: Told after every step of the environments how many were made in all.

    Raises:
        ArtifactError: If the folder holds no training, or its checkpoint is missing or damaged.
    """
    config, folder = load_training(path)
    trainer = _Training(config, folder, workers, on_step)
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

    def __init__(
        self, config: TrainConfig, folder: RunFolder, workers: int, on_step: Callable[[int], None]
    ) -> None:
        self.folder = folder
        self._config = config
        self._sinks = _CautiousSink()
        try:
            self._env = build_env(config, workers=workers)
            self._trainer = Trainer(
                self._env,
                config.learner,
                seed=config.seed,
                sink=self._sinks,
                check_invariants=is_debugging(),
                on_step=on_step,
            )
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and _NO_MEMORY not in str(error):
                raise
            message = (
                f"memory must suffice for {config.envs} environments, their rollout and the "
                f"network, got {' '.join(str(error).split())}: choose smaller numbers"
            )
            raise ConfigError(message) from error

    def start_from(self, start: str) -> None:
        """Begin with the controller of another training.

        Raises:
            ArtifactError: If there is none, or it does not fit.
        """
        self._trainer.start_from(load_policy(find_policy(start)))

    def load(self) -> None:
        """Go on from the checkpoint, and forget the events after it.

        Raises:
            ArtifactError: If checkpoint or event log is missing or damaged.
        """
        self._trainer.load_checkpoint(self.folder.checkpoint)
        _forget_after(self.folder.events, self._trainer.updates)

    def run(self, sink: EventSink, should_stop: Callable[[], bool]) -> TrainResult:
        """Train until all steps are made or a stop is asked for.

        Raises:
            ArtifactError: If events or a checkpoint could not be written; what could be, was.
        """
        trainer, sinks = self._trainer, self._sinks
        log = JsonlSink(self.folder.events, append=True)
        try:
            sinks.add(log)
            sinks.add(sink)
            sinks.emit(self._describe_start())
            while not (trainer.is_finished or sinks.failure):
                if trainer.update(should_stop) is None:
                    break
                if trainer.updates % self._config.updates_per_checkpoint == 0:
                    self._save()
            self._save()
            interrupted = not trainer.is_finished
            sinks.emit(
                TrainingFinished(
                    updates=trainer.updates, steps=trainer.steps, interrupted=interrupted
                )
            )
        finally:
            sinks.close(log)
        self._env.close()
        if sinks.failure is not None:
            reason = sinks.failure.strerror or sinks.failure
            message = (
                f"progress and events must be writable, got {reason} by update "
                f"{trainer.updates}; `tamiyo train --resume {self.folder.path}` goes on from there"
            )
            raise ArtifactError(message) from sinks.failure
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
            env_id=self._config.problem if spec is None else spec.id,
            seed=self._config.seed,
            config_hash=hash_training(self._config),
            num_envs=self._config.envs,
            total_steps=self._config.learner.total_steps,
            steps=self._trainer.steps,
            parameters=sum(weights.numel() for weights in self._trainer.network.parameters()),
        )

    def _save(self) -> None:
        """Write a checkpoint.

        Raises:
            ArtifactError: If that cannot be done; an earlier checkpoint is still there then.
        """
        try:
            write_atomically(self.folder.checkpoint, self._trainer.encode_checkpoint())
        except OSError as error:
            message = (
                f"checkpoint must be writable, got {error.strerror or error} for "
                f"{self.folder.checkpoint} after update {self._trainer.updates}; with room again "
                f"`tamiyo train --resume {self.folder.path}` goes on from an earlier one"
            )
            raise ArtifactError(message) from error


class _CautiousSink:
    """Hands events on until that fails once; an update in progress comes to its end all the same.

    Attributes:
        failure: Why it failed; ``None`` while all is well.
    """

    def __init__(self) -> None:
        self.failure: OSError | None = None
        self._sinks = FanOutSink()

    def add(self, sink: EventSink) -> None:
        """Hand every later event to one more sink."""
        self._sinks.add(sink)

    def emit(self, event: Event) -> None:
        """Hand the event to every sink; not at all after a failure."""
        if self.failure is not None:
            return
        try:
            self._sinks.emit(event)
        except OSError as error:
            self.failure = error
        except SystemExit:  # so rich leaves when a pipe breaks
            self.failure = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def close(self, log: JsonlSink) -> None:
        """Close a log, which may write what is left of it."""
        try:
            log.close()
        except OSError as error:
            self.failure = self.failure or error


def _forget_after(log: Path, updates: int) -> None:
    """Cut an event log after the report of an update, since later ones will be made again.

    The report of the checkpoint's own update may be missing: where writing it failed, a checkpoint
    was written all the same.

    Raises:
        ArtifactError: If it is damaged or does not reach that far.
    """
    events = read_events(log).events if log.exists() else []
    lines = log.read_bytes().splitlines(keepends=True) if events else []
    kept = bytearray()
    reached = 0
    for number, (event, line) in enumerate(zip(events, lines, strict=False), start=1):
        if event["event"] == "UpdateCompleted":
            if reached == updates:
                break
            reached = _read_update(event, f"{log} line {number}")
        kept += line
    if reached not in {updates, updates - 1}:
        message = f"event log must hold {updates} updates like its checkpoint, got {reached}: {log}"
        raise ArtifactError(message)
    if len(kept) < sum(map(len, lines)):
        write_atomically(log, bytes(kept))


def _read_update(event: Mapping[str, Any], place: str) -> int:
    """Return the number of the update that an event reports.

    Raises:
        ArtifactError: If it has none.
    """
    report = event.get("report")
    number = report.get("update") if isinstance(report, dict) else None
    if not isinstance(number, int):
        message = f"{place}: UpdateCompleted must have the report of an update, got {report!r}"
        raise ArtifactError(message)
    return number

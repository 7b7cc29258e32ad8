"""Train a controller: rollouts and updates, with a record, checkpoints and the way back to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import (
    ArtifactError,
    CheckpointWritten,
    ConfigError,
    PhasesTimed,
    TrainingFinished,
    TrainingStarted,
    decode_record,
    encode_record,
)
from tamiyo.environment import HostVectorEnv
from tamiyo.learning import Checkpoint, PhaseClock, Trainer, load_policy
from tamiyo.recipes.config import is_debugging
from tamiyo.recipes.learned.config import TrainConfig, build_env, hash_training
from tamiyo.recipes.learned.log import TrainingLog, cut_log
from tamiyo.recipes.learned_controller import find_policy
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import EventScan, Exports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tamiyo.contracts import Event, EventSink

__all__ = ["TrainResult", "load_training", "resume_training", "train_controller"]

_RECORDED: Final = "recorded_events"
"""Under this name a checkpoint knows how many events came before it."""

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
    exports: Sequence[str] = (),
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
        exports: Programs that are told as well, by name: see :class:`tamiyo.telemetry.Exports`.
        should_stop: Asked before every step of the environments; when it says so, a checkpoint is
            written.
        on_step: Told after every step of the environments how many were made in all.

    Raises:
        TamiyoError: If the folder is in the way or the environment cannot be learned on; nothing
            was written then.
    """
    programs = Exports(exports)
    trainer = _Training(config, RunFolder(path), workers, on_step)
    if config.start is not None:
        trainer.start_from(config.start)
    trainer.folder.create({"train": encode_record(config)}, overwrite=overwrite)
    return trainer.run(sink, programs, should_stop)


def resume_training(
    path: Path,
    *,
    workers: int = 1,
    sink: EventSink,
    exports: Sequence[str] = (),
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int], None] = lambda _steps: None,
) -> TrainResult:
    """Go on with a training that was stopped, as if it had not been.

    Events after its last checkpoint are dropped from the log: they are made again. One that was
    killed before its first checkpoint begins anew.

    Args:
        path: Its folder.
        workers: As for :func:`train_controller`, like all others.
        sink: Another place for the events to go to.
        exports: Programs that are told as well.
        should_stop: Asked before every step of the environments.
        on_step: Told after every step of the environments how many were made in all.

    Raises:
        ArtifactError: If the folder holds no training, or its checkpoint is missing or damaged.
    """
    programs = Exports(exports)
    config, folder = load_training(path)
    trainer = _Training(config, folder, workers, on_step)
    trainer.load()
    return trainer.run(sink, programs, should_stop)


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
        self._clock = PhaseClock()
        self._log = TrainingLog(self._clock)
        try:
            self._env = build_env(config, workers=workers)
            hosts = self._env.unwrapped
            listener = None
            if isinstance(hosts, HostVectorEnv):
                listener = hosts.record(self._log, config.record_envs)
            self._trainer = Trainer(
                self._env,
                config.learner,
                seed=config.seed,
                sink=self._log,
                check_invariants=is_debugging(),
                on_step=on_step,
                clock=self._clock,
                listener=listener,
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

        A training that was killed before it wrote one begins anew.

        Raises:
            ArtifactError: If checkpoint or event log is damaged, or the log knows of a checkpoint
                that is gone.
        """
        folder = self.folder
        if not folder.checkpoint.exists():
            _refuse_lost_checkpoint(folder)
            if self._config.start is not None:
                self.start_from(self._config.start)
            cut_log(folder.events, 0)
            return
        try:
            self._trainer.load_checkpoint(folder.checkpoint)
        except ArtifactError as error:
            if not folder.earlier_checkpoint.exists():
                raise
            earlier, newest = folder.earlier_checkpoint.name, folder.checkpoint.name
            message = f"{error}; {earlier} is the one before it: rename it to {newest} to go on"
            raise ArtifactError(message) from error
        notes = Checkpoint.load(folder.checkpoint).facts.get("notes", {})
        self._log.repeatable = notes.get(_RECORDED, 0)
        cut_log(folder.events, self._log.repeatable)

    def run(
        self, sink: EventSink, exports: Exports, should_stop: Callable[[], bool]
    ) -> TrainResult:
        """Train until all steps are made or a stop is asked for.

        Raises:
            ArtifactError: If events or a checkpoint could not be written; what could be, was.
        """
        trainer, log = self._trainer, self._log
        exports.open(self.folder.path)
        log.open(self.folder.events, [sink, exports])
        try:
            log.emit(self._describe_start())
            while not (trainer.is_finished or log.failure):
                if not self._update(should_stop):
                    break
            self._save()
            interrupted = not trainer.is_finished
            log.emit(
                TrainingFinished(
                    updates=trainer.updates, steps=trainer.steps, interrupted=interrupted
                )
            )
        finally:
            for lack in exports.close():
                log.emit(lack)
            log.close()
        self._env.close()
        if log.failure is not None:
            reason = log.failure.strerror or log.failure
            message = (
                f"progress and events must be writable, got {reason} by update "
                f"{trainer.updates}; `tamiyo train --resume {self.folder.path}` goes on from there"
            )
            raise ArtifactError(message) from log.failure
        return TrainResult(
            folder=self.folder,
            config=self._config,
            updates=trainer.updates,
            steps=trainer.steps,
            interrupted=interrupted,
        )

    def _update(self, should_stop: Callable[[], bool]) -> bool:
        """Make one update and say how long it took; false if it was stopped before its end."""
        steps = self._trainer.steps
        self._clock.take()
        if self._trainer.update(should_stop) is None:
            return False
        round_steps = self._trainer.steps - steps
        self._log.emit(PhasesTimed(steps=round_steps, seconds=self._clock.take()))
        every = self._config.updates_per_checkpoint
        if self._trainer.updates % every == 0 and not self._trainer.is_finished:
            self._save()
        return True

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
        trainer = self._trainer
        self._log.sync()
        content = trainer.encode_checkpoint(**{_RECORDED: self._log.repeatable})
        try:
            self.folder.write_checkpoint(content)
        except OSError as error:
            message = (
                f"checkpoint must be writable, got {error.strerror or error} for "
                f"{self.folder.checkpoint} after update {trainer.updates}; with room again "
                f"`tamiyo train --resume {self.folder.path}` goes on from an earlier one"
            )
            raise ArtifactError(message) from error
        self._log.emit(
            CheckpointWritten(updates=trainer.updates, steps=trainer.steps, size_bytes=len(content))
        )


def _refuse_lost_checkpoint(folder: RunFolder) -> None:
    """Refuse to begin anew what once had a checkpoint.

    Raises:
        ArtifactError: If the log says that one was written.
    """
    if not folder.events.exists():
        return
    kind = CheckpointWritten.__name__
    if any(event["event"] == kind for event in EventScan(folder.events, kinds=[kind])):
        message = (
            f"checkpoint must be where the log says one was written, got no {folder.checkpoint}: "
            "put it back, or begin anew with --overwrite"
        )
        raise ArtifactError(message)

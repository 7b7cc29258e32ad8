"""Make a run again from what its log says was decided, and compare what comes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tamiyo.contracts import ArtifactError
from tamiyo.model import WEIGHTS_FILE, Fossil, list_fossils, save_export
from tamiyo.recipes.episode import build_task_episode
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.recipes.replaying.comparing import EventComparison, compare_events
from tamiyo.recipes.replaying.recorded import RecordedController, read_recorded_run
from tamiyo.recipes.replaying.settings import load_run_task, read_run_config
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import JsonlSink, read_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.model import TamiyoModel
    from tamiyo.recipes.episode import Episode

__all__ = ["ReplayResult", "replay_run"]


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """What came of a replay.

    Attributes:
        task: Name of the task.
        controller: Name of the controller that decided then.
        seed: Seed of the run.
        epochs: Epochs that were trained again.
        is_finished: Whether the recorded run ended; false if it was killed.
        compared: How the events compare with the recorded ones.
        fossils: What was committed, in the order of the slots.
        parameters: Trainable parameters of the rebuilt network.
        weights_sha256: Hash of the parameters and buffers of the rebuilt network, as an export
            holds them.
        exported_sha256: The same of the network the run exported; ``None`` if it left none.
    """

    task: str
    controller: str
    seed: int
    epochs: int
    is_finished: bool
    compared: EventComparison
    fossils: tuple[Fossil, ...]
    parameters: int
    weights_sha256: str
    exported_sha256: str | None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs: no event, and no bit of the network if one was exported."""
        has_same_weights = self.exported_sha256 in {None, self.weights_sha256}
        return self.compared.difference is None and has_same_weights


def replay_run(
    folder: Path | str,
    *,
    out: Path | str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReplayResult:
    """Build the network of a run on a task again: every decision comes from the event log.

    The run's ``config.json`` says how the host was trained; it counts only if its hash is the one
    in the log. The controller is not built, and what it learned is not needed.

    Args:
        folder: Folder of the run.
        out: Where to export the rebuilt network as well.
        on_progress: Told how many epochs of how many are done.

    Returns:
        What came of it, equal or not.

    Raises:
        ArtifactError: If the log or the configuration is missing, damaged or of another run, or the
            task is not what it was then.
        ConfigError: If the run was of a model of the user's own, which only its owner can build.
    """
    files = RunFolder(Path(folder))
    run = read_recorded_run(read_events(files.events).events)
    if run.epochs == 0:
        message = (
            f"event log must hold a completed epoch to be replayed, got none in {files.events}"
        )
        raise ArtifactError(message)
    content = files.read_config()
    config = read_run_config(content, run)
    task, data = load_run_task(content, config)
    with TemporaryDirectory() as place:
        log = Path(place) / files.events.name
        with JsonlSink(log) as sink:
            episode = build_task_episode(
                config, task, data, sink=sink, controller=RecordedController(run)
            )
            model = _train(episode, run.epochs, on_progress)
        compared = compare_events(run.events, read_events(log).events)
        export = Path(place) / files.export.name if out is None else Path(out)
        host = {"name": task.host.name, "arguments": dict(task.host.arguments)}
        save_export(model, export, host=host)
        weights = _hash_weights(export)
    return ReplayResult(
        task=config.task,
        controller=str(run.start["controller"]),
        seed=config.seed,
        epochs=run.epochs,
        is_finished=run.is_finished,
        compared=compared,
        fossils=list_fossils(model),
        parameters=model.count_parameters(committed_only=True),
        weights_sha256=weights,
        exported_sha256=_hash_weights(files.export) if files.export.is_dir() else None,
    )


def _train(episode: Episode, epochs: int, on_progress: Callable[[int, int], None]) -> TamiyoModel:
    """Train a host as far as it was trained then, and return it."""
    done = 0

    def is_over() -> bool:
        nonlocal done
        done += 1
        on_progress(done, epochs)
        return done >= epochs

    with Lockstep([episode]) as alone:
        alone.run(is_over)
    return episode.member.model


def _hash_weights(export: Path) -> str:
    """Hash the file that holds every parameter and buffer of an exported network.

    Raises:
        ArtifactError: If it cannot be read.
    """
    path = export / WEIGHTS_FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"export must hold a readable {WEIGHTS_FILE}, got {path}: {error.strerror}"
        raise ArtifactError(message) from error

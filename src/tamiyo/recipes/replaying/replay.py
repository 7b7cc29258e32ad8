"""Make a run again from what its log says was decided, and compare what comes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tamiyo.contracts import ArtifactError
from tamiyo.model import WEIGHTS_FILE, Fossil, list_fossils, save_export
from tamiyo.recipes.replaying.comparing import EventComparison, compare_events
from tamiyo.recipes.replaying.recorded import read_recorded_run
from tamiyo.recipes.replaying.settings import (
    load_run_task,
    read_episode_config,
    read_run_config,
)
from tamiyo.recipes.replaying.training import rebuild_host_of_episode, rebuild_host_of_run
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import EventScan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tamiyo.recipes.replaying.recorded import RecordedRun
    from tamiyo.recipes.replaying.training import RebuiltHost

__all__ = ["ReplayResult", "replay_run"]


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """What came of a replay.

    Attributes:
        task: Name of the task.
        controller: Name of the controller that decided then; ``None`` for one in training.
        seed: Seed of the host.
        environment: Index of the environment.
        episode: Number of the episode; ``None`` for a run by itself.
        epochs: Epochs that were trained again.
        is_finished: Whether the recorded run or episode ended; false if it was killed.
        compared: How the events compare with the recorded ones.
        fossils: What was committed, in the order of the slots.
        parameters: Trainable parameters of the rebuilt network.
        weights_sha256: Hash of the parameters and buffers of the rebuilt network, as an export
            holds them.
        exported_sha256: The same of the network the run exported; ``None`` if it left none, as
            episodes do.
        gaps: What was left out of a damaged or torn log, in one sentence; else empty.
    """

    task: str
    controller: str | None
    seed: int
    environment: int
    episode: int | None
    epochs: int
    is_finished: bool
    compared: EventComparison
    fossils: tuple[Fossil, ...]
    parameters: int
    weights_sha256: str
    exported_sha256: str | None
    gaps: str

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs: no event, and no bit of the network if one was exported."""
        has_same_weights = self.exported_sha256 in {None, self.weights_sha256}
        return self.compared.difference is None and has_same_weights


class _Watched:
    """The events of a log, with the configuration hash of the training they are from."""

    def __init__(self, path: Path) -> None:
        self.events = EventScan(path)
        self.config_hash: str | None = None

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for event in self.events:
            if event["event"] in {"RunStarted", "TrainingStarted"}:
                self.config_hash = event.get("config_hash")
            yield event


def replay_run(
    folder: Path | str,
    *,
    environment: int | None = None,
    episode: int | None = None,
    out: Path | str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReplayResult:
    """Build the network of a run on a task again: every decision comes from the event log.

    The run's ``config.json`` says how the host was trained; it counts only if its hash is the one
    in the log. The controller is not built, and what it learned is not needed. Of a training, a
    recorded episode is built again; what its steps were paid is not compared.

    Args:
        folder: Folder of the run or training.
        environment: Index of the environment; the first in the log if not given.
        episode: Number of the episode, in a training; the newest if not given.
        out: Where to export the rebuilt network as well.
        on_progress: Told how many epochs of how many are done.

    Returns:
        What came of it, equal or not.

    Raises:
        ArtifactError: If the log or the configuration is missing, damaged or of another run, or the
            task is not what it was then.
        ConfigError: If the log has no such episode, or the run was of a model of the user's own,
            which only its owner can build.
    """
    files = RunFolder(Path(folder))
    log = _Watched(files.events)
    run = read_recorded_run(log, environment=environment, episode=episode)
    again = _rebuild(run, files.read_config(), str(log.config_hash), on_progress)
    with TemporaryDirectory() as place:
        export = Path(place) / files.export.name if out is None else Path(out)
        save_export(again.model, export, host=again.recipe)
        weights = _hash_weights(export)
    is_exported = files.export.is_dir() and not run.is_episode
    return ReplayResult(
        task=str(run.start["task"]),
        controller=run.start.get("controller"),
        seed=run.start["seed"],
        environment=run.start["host"]["environment"],
        episode=run.start.get("episode"),
        epochs=run.epochs,
        is_finished=run.is_finished,
        compared=compare_events(run.events, again.events),
        fossils=list_fossils(again.model),
        parameters=again.model.count_parameters(committed_only=True),
        weights_sha256=weights,
        exported_sha256=_hash_weights(files.export) if is_exported else None,
        gaps=log.events.describe_gaps(),
    )


def _rebuild(
    run: RecordedRun,
    content: Mapping[str, Any],
    config_hash: str,
    on_progress: Callable[[int, int], None],
) -> RebuiltHost:
    if run.is_episode:
        return rebuild_host_of_episode(read_episode_config(content, config_hash), run, on_progress)
    config = read_run_config(content, config_hash)
    task, data = load_run_task(content, config)
    return rebuild_host_of_run(config, task, data, run, on_progress)


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

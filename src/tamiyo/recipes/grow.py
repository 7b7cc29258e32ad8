"""Grow one network: run an episode and keep everything a user wants to keep of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    ArtifactError,
    EpochCompleted,
    EventSink,
    RunStarted,
    TwinTrained,
    encode_record,
)
from tamiyo.controller import WAIT_ONLY
from tamiyo.model import load_export, save_export
from tamiyo.recipes.config import RunConfig, build_effective_task, encode_config
from tamiyo.recipes.episode import Episode, EpisodeResult
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.tasks import HostRecipe, Task, TaskData, build_host
from tamiyo.telemetry import (
    FanOutSink,
    JsonlSink,
    MemorySink,
    RunSummary,
    read_events,
    summarize_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = ["GrowResult", "grow_network", "load_network"]


@dataclass(frozen=True, kw_only=True)
class GrowResult:
    """What a run left behind.

    Attributes:
        folder: Its files.
        result: The committed network, judged on the test split.
        summary: The run as its event log tells it.
    """

    folder: RunFolder
    result: EpisodeResult
    summary: RunSummary


def grow_network(
    config: RunConfig,
    out: Path | str,
    *,
    overwrite: bool = False,
    twin: bool = True,
    sink: EventSink | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> GrowResult:
    """Grow one network and write its run folder, all but the picture.

    Args:
        config: Everything that decides the run.
        out: Folder to write; see :class:`RunFolder` for what may be there already.
        overwrite: Whether an earlier run there may be replaced.
        twin: Whether to train the host alone as well, to compare with; a stop leaves it out.
        sink: Where events go besides the log, for a display.
        should_stop: Asked after every epoch; true ends the run there, with all its files.

    Raises:
        TamiyoError: If anything in the configuration, the folder or the schedule is wrong; nothing
            was written then.
    """
    task = build_effective_task(config)
    data = task.load_data()
    relay = FanOutSink() if sink is None else FanOutSink(sink)
    episode = Episode(config, task, data, sink=relay)
    folder = RunFolder(Path(out))
    folder.create(encode_config(config, task.config), overwrite=overwrite)
    with JsonlSink(folder.events) as log:
        relay.add(log)
        result = episode.run(should_stop)
        outcome = _train_twin(config, task, data, should_stop) if twin else None
        if outcome is not None:
            relay.emit(outcome)
    host = {"name": task.host.name, "arguments": dict(task.host.arguments)}
    save_export(episode.member.model, folder.export, host=host)
    folder.write_result(encode_record(result))
    summary = summarize_run(read_events(folder.events).events)
    return GrowResult(folder=folder, result=result, summary=summary)


def _train_twin(
    config: RunConfig, task: Task, data: TaskData, should_stop: Callable[[], bool]
) -> TwinTrained | None:
    """Train the same host on the same seed without growing it; ``None`` if told to stop."""
    if should_stop():
        return None
    kept = MemorySink()
    waiting = replace(config, controller=WAIT_ONLY)
    result = Episode(waiting, task, data, sink=kept).run(should_stop)
    if result.epochs < task.config.max_epochs:
        return None
    course = [event for event in kept.events if isinstance(event, RunStarted | EpochCompleted)]
    return TwinTrained(
        environment=0,
        control_accuracies=tuple(
            (event.initial if isinstance(event, RunStarted) else event.measured).control_accuracy
            for event in course
        ),
        test_accuracy=result.test_accuracy,
        parameters=result.parameters,
        multiply_adds=result.multiply_adds,
    )


def load_network(folder: Path | str) -> nn.Module:
    """Build an exported network again, without the run that grew it.

    Args:
        folder: A run folder or the ``export`` folder in it.

    Returns:
        The grown network in evaluation mode, a plain module.

    Raises:
        ArtifactError: If the export is missing, truncated, altered or of another format.
        ConfigError: If its host is none that Tamiyo can build.
    """
    folder = Path(folder)
    export = RunFolder(folder).export
    return load_export(export if export.is_dir() else folder, _build_exported_host)


def _build_exported_host(host: Mapping[str, object]) -> nn.Module:
    name, arguments = host.get("name"), host.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        message = f"host of an export must have a name and arguments, got {dict(host)}"
        raise ArtifactError(message)
    return build_host(HostRecipe(name=name, arguments=arguments))

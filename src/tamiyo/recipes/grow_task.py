"""Grow a task's host: run an episode and keep everything a user wants to keep of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tamiyo.contracts import EventSink, encode_record
from tamiyo.controller import WAIT_ONLY
from tamiyo.model import save_export
from tamiyo.recipes.config import RunConfig, build_effective_task, encode_config
from tamiyo.recipes.episode import EpisodeResult, build_task_episode
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.recipes.twin import record_twin
from tamiyo.tasks import TextData
from tamiyo.telemetry import (
    Exports,
    FanOutSink,
    JsonlSink,
    RunSummary,
    read_events,
    summarize_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["TaskResult", "grow_task"]


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a run left behind.

    Attributes:
        folder: Its files.
        result: The committed network, judged on the test split.
        summary: The run as its event log tells it.
    """

    folder: RunFolder
    result: EpisodeResult
    summary: RunSummary


def grow_task(
    config: RunConfig,
    out: Path | str,
    *,
    overwrite: bool = False,
    twin: bool = True,
    sink: EventSink | None = None,
    exports: Sequence[str] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> TaskResult:
    """Grow one network and write its run folder, all but the picture.

    Args:
        config: Everything that decides the run.
        out: Folder to write; see :class:`RunFolder` for what may be there already.
        overwrite: Whether an earlier run there may be replaced.
        twin: Whether to train the host alone as well, to compare with; a stop leaves it out.
        sink: Where events go besides the log, for a display.
        exports: Programs that are told as well, by name: see :class:`tamiyo.telemetry.Exports`.
        should_stop: Asked after every epoch; true ends the run there, with all its files.

    Raises:
        TamiyoError: If anything in the configuration, the folder or the schedule is wrong; nothing
            was written then.
    """
    programs = Exports(exports)
    task = build_effective_task(config)
    task, data = task.find_host(task.load_data(), config.hosts, config.seed)
    relay = FanOutSink() if sink is None else FanOutSink(sink)
    alone = Lockstep([build_task_episode(config, task, data, sink=relay)])
    folder = RunFolder(Path(out))
    described = encode_config(config, task.config)
    if isinstance(data, TextData):
        described["text_sha256"] = data.digest  # the text is that of the running Python
    folder.create(described, overwrite=overwrite)
    with JsonlSink(folder.events) as log:
        programs.open(folder.path)
        relay.add(log)
        relay.add(programs)
        try:
            with alone:
                (outcome,) = alone.run(should_stop)
            if twin:
                waiting = replace(config, controller=WAIT_ONLY)
                record_twin(partial(build_task_episode, waiting, task, data), relay, should_stop)
        finally:
            lacks = programs.close()
        for lack in lacks:
            relay.emit(lack)
    host = {"name": task.host.name, "arguments": dict(task.host.arguments)}
    (member,) = alone.members
    save_export(member.model, folder.export, host=host)
    folder.write_result(encode_record(outcome.result))
    summary = summarize_run(read_events(folder.events).events)
    return TaskResult(folder=folder, result=outcome.result, summary=summary)

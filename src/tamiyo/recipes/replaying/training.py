"""Train the host of a recorded run or episode once more, as far as it was trained then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import EpisodeStarted
from tamiyo.engine import ask_for_equal_bits
from tamiyo.environment import EpisodeKey, rebuild_episode
from tamiyo.model import TamiyoModel
from tamiyo.recipes.episode import build_task_episode
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.recipes.replaying.recorded import RecordedController
from tamiyo.telemetry import LOG_NAME, JsonlSink, MemorySink, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tamiyo.contracts import Event
    from tamiyo.environment import HostEnvConfig
    from tamiyo.recipes.config import RunConfig
    from tamiyo.recipes.replaying.recorded import RecordedRun
    from tamiyo.tasks import Task, TrainingData

__all__ = ["RebuiltHost", "rebuild_host_of_episode", "rebuild_host_of_run"]


@dataclass(frozen=True, kw_only=True)
class RebuiltHost:
    """A host that was trained again.

    Attributes:
        model: The host with its slots.
        recipe: How it is built, for an export.
        events: What happened to it, as a log gives it back.
    """

    model: TamiyoModel
    recipe: Mapping[str, object]
    events: tuple[Mapping[str, Any], ...]


def rebuild_host_of_run(
    config: RunConfig,
    task: Task,
    data: TrainingData,
    run: RecordedRun,
    on_progress: Callable[[int, int], None],
) -> RebuiltHost:
    """Train the host of a run on a task again.

    Args:
        config: How it was trained.
        task: The task as the run had it.
        data: Its data.
        run: What was recorded.
        on_progress: Told how many epochs of how many are done.

    Raises:
        ArtifactError: If the log lacks a decision.
    """
    done = 0

    def is_over() -> bool:
        nonlocal done
        done += 1
        on_progress(done, run.epochs)
        return done >= run.epochs

    sink = MemorySink()
    episode = build_task_episode(config, task, data, sink=sink, controller=RecordedController(run))
    with Lockstep([episode]) as alone:
        alone.run(is_over)
    return RebuiltHost(
        model=episode.member.model, recipe=_describe_recipe(task), events=_log(sink.events)
    )


def rebuild_host_of_episode(
    config: HostEnvConfig, run: RecordedRun, on_progress: Callable[[int, int], None]
) -> RebuiltHost:
    """Train the host of an episode again; what the steps were paid is not computed anew.

    Args:
        config: What the episodes are like.
        run: What was recorded.
        on_progress: Told how many epochs of how many are done.

    Raises:
        ArtifactError: If the log lacks a decision.
    """
    # As `tamiyo train` does, before anything is computed.
    ask_for_equal_bits()
    task, start = config.build_task(), run.start
    seed = int(start["seed"])
    decided = min(run.epochs, task.config.decision_epochs)
    sink = MemorySink()
    again = rebuild_episode(
        config,
        EpisodeKey(seed=seed, environment=start["environment"]),
        [run.find_command(epoch) for epoch in range(1, decided + 1)],
        epochs=run.epochs,
        sink=sink,
        on_progress=lambda epoch: on_progress(epoch, run.epochs),
    )
    begin = EpisodeStarted(
        environment=start["environment"],
        episode=start["episode"],
        seed=seed,
        task=task.config.name,
        metric=task.config.metric,
        epochs=task.config.max_epochs,
        host=again.start.host,
        initial=again.start.measured,
    )
    end = {
        "event": "EpisodeFinished",
        "environment": start["environment"],
        "episode": start["episode"],
        "score": again.score,
        "host_parameters": again.start.host.host_parameters,
        "parameters": again.parameters,
        "diverged": again.diverged,
    }
    host, _ = task.find_host(task.load_data(), config.hosts, seed)
    return RebuiltHost(
        model=again.member.model,
        recipe=_describe_recipe(host),
        events=(*_log([begin, *sink.events]), end),
    )


def _describe_recipe(task: Task) -> dict[str, object]:
    return {"name": task.host.name, "arguments": dict(task.host.arguments)}


def _log(events: Iterable[Event]) -> tuple[Mapping[str, Any], ...]:
    """Return events as a log gives them back."""
    with TemporaryDirectory() as place:
        path = Path(place) / LOG_NAME
        with JsonlSink(path) as sink:
            for event in events:
                sink.emit(event)
        return tuple(read_events(path).events)

"""The training of a controller as its events tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import GAIN_METRIC, ArtifactError, decoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["TrainingSummary", "summarize_training"]


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """A training, finished or not.

    Attributes:
        env_id: Id of the environment it learns on.
        seed: Seed of the run.
        num_envs: Environments in lockstep.
        total_steps: Environment steps it is to be trained for.
        steps: Environment steps made after each update in which an episode ended.
        returns: Mean return of the episodes that ended in it; on a task their mean gain over the
            host alone, as the baseline of a group leaves nothing of a mean return.
        alarms: Environment steps and text of every alarm.
        is_finished: Whether it came to its end.
    """

    env_id: str
    seed: int
    num_envs: int
    total_steps: int
    steps: tuple[int, ...]
    returns: tuple[float, ...]
    alarms: tuple[tuple[int, str], ...]
    is_finished: bool


def summarize_training(events: Iterable[Mapping[str, Any]]) -> TrainingSummary:
    """Summarize a training from its events as plain JSON values.

    Raises:
        ArtifactError: If the first one is not the start of a training.
    """
    told = iter(events)
    start = next(told, None)
    if start is None or start["event"] != "TrainingStarted":
        got = "no event" if start is None else start["event"]
        message = f"the first event of a training must be TrainingStarted, got {got}"
        raise ArtifactError(message)
    # Logs may be larger than the memory; what is recorded of hosts is not needed here.
    kept = [event for event in told if event["event"] in {"UpdateCompleted", "TrainingFinished"}]
    with decoding("event log of a training"):
        return _summarize(start, kept)


def _summarize(start: Mapping[str, Any], kept: Sequence[Mapping[str, Any]]) -> TrainingSummary:
    reports = [event["report"] for event in kept if event["event"] == "UpdateCompleted"]
    ended = [report for report in reports if report["rollout"]["episode_return"] is not None]
    finishes = [event for event in kept if event["event"] == "TrainingFinished"]
    return TrainingSummary(
        **{name: start[name] for name in ("env_id", "seed", "num_envs", "total_steps")},
        steps=tuple(report["steps"] for report in ended),
        returns=tuple(_read_return(report["rollout"]) for report in ended),
        alarms=tuple((report["steps"], text) for report in reports for text in report["alarms"]),
        is_finished=bool(finishes) and not finishes[-1]["interrupted"],
    )


def _read_return(rollout: Mapping[str, Any]) -> float:
    told = rollout.get("environment", {})
    return float(told.get(GAIN_METRIC, rollout["episode_return"]))

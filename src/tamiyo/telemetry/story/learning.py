"""LearningTale: takes the events of a training and says how the controller learned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import GAIN_METRIC, SCORE_METRIC, THRASHING_METRIC
from tamiyo.telemetry.live.course import Course
from tamiyo.telemetry.story.records import LearningStory

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LearningTale"]

_REWARD: Final = "reward/"
_OF_EPISODES: Final = {
    GAIN_METRIC: ("gain over the host alone", "points"),
    SCORE_METRIC: ("score", "points"),
    "episode/parameters": ("parameters of the grown network", ""),
    THRASHING_METRIC: ("share of episodes that planted and pruned for nothing", ""),
    "episode/seeds_created": ("seeds planted per episode", ""),
    "episode/seeds_fossilized": ("seeds kept per episode", ""),
}


class LearningTale:
    """Takes the events of a training, each as plain JSON values.

    Args:
        start: Its first ``TrainingStarted``.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = start
        self._starts = 1
        self._steps: int = start["steps"]
        self._updates = 0
        self._curves: dict[str, Course] = {}
        self._rewards: dict[str, Course] = {}
        self._entropies: dict[str, Course] = {}
        self._shares: dict[str, Course] = {}
        self._ops: Counter[str] = Counter()
        self._legal: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._checkpoint_steps: int | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event; names that are not known here are passed over."""
        match event["event"]:
            case "TrainingStarted":
                self._start, self._steps = event, event["steps"]
                self._starts += 1
            case "UpdateCompleted":
                self._learn(event["report"])
            case "CheckpointWritten":
                self._checkpoint_steps = event["steps"]
            case "PhasesTimed":
                self._seconds.update({name: float(own) for name, own in event["seconds"].items()})
            case "TrainingFinished":
                self._steps, self._updates = event["steps"], event["updates"]

    def finish(self) -> LearningStory:
        """Return how it learned so far."""
        start = self._start
        return LearningStory(
            **{name: start[name] for name in ("num_envs", "parameters", "total_steps")},
            steps=self._steps,
            updates=self._updates,
            starts=self._starts,
            curves=tuple(course.freeze() for course in self._curves.values()),
            rewards=tuple(course.freeze() for course in self._rewards.values()),
            entropies=tuple(course.freeze() for course in self._entropies.values()),
            ops=dict(self._ops),
            legal=dict(self._legal),
            ops_by_update=tuple(course.freeze() for course in self._shares.values()),
            seconds=dict(self._seconds.most_common()),
            checkpoint_steps=self._checkpoint_steps,
        )

    def _learn(self, report: Mapping[str, Any]) -> None:
        self._steps, self._updates = report["steps"], report["update"]
        rollout, policy = report["rollout"], report["policy"]
        told = rollout.get("environment", {})
        for name, (title, unit) in _OF_EPISODES.items():
            self._add(self._curves, title, told.get(name), unit)
        self._add(self._curves, "return per episode", rollout["episode_return"])
        self._add(self._curves, "explained variance", report["value"]["explained_variance"])
        self._add(self._curves, "divergence of the policy", policy["kl"])
        self._add(self._curves, "value loss", report["value"]["loss"])
        self._add(self._curves, "policy loss", policy["loss"])
        for name, value in told.items():
            if name.startswith(_REWARD):
                self._add(self._rewards, name.removeprefix(_REWARD), value, "points")
        for name, head in report["heads"].items():
            self._add(self._entropies, name, head["entropy"])
        self._count(report["ops"])

    def _count(self, ops: Mapping[str, Any]) -> None:
        total = sum(told["count"] for told in ops.values())
        for name, told in ops.items():
            self._ops[name] += told["count"]
            self._legal[name] += told["legal"]
            self._add(self._shares, name, told["count"] / total if total else None)

    def _add(
        self, courses: dict[str, Course], name: str, value: float | str | None, unit: str = ""
    ) -> None:
        if value is not None:
            courses.setdefault(name, Course(name, unit)).add(self._steps, float(value))

"""HostFold: one environment's host, as its events tell it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tamiyo.contracts import LifecycleOp, MetricScale
from tamiyo.telemetry.live.course import Course
from tamiyo.telemetry.live.state import LiveDecision, LiveEnvironment, LiveEpisodeEnd, LiveSlot
from tamiyo.telemetry.numbers import read_number

__all__ = ["HostFold"]

_Json = Mapping[str, Any]

_DECISIONS: Final = 10
_POINTS: Final = "points"


class HostFold:
    """Takes the events of one environment.

    Args:
        event: ``RunStarted`` or ``EpisodeStarted``.
        end: How the episode before ended; ``None`` if none did.
    """

    def __init__(self, event: _Json, end: LiveEpisodeEnd | None = None) -> None:
        self.epochs: int = event["epochs"]
        self.epoch = 0
        self.is_over = False
        self.end = end
        self._task: str = event["task"]
        self._metric = MetricScale(**event["metric"])
        self._episode: int = event.get("episode", 0)
        self._seed: int = event["seed"]
        self._accuracy = Course("accuracy", _POINTS)
        self._committed = Course("committed", _POINTS)
        self._decisions: deque[LiveDecision] = deque(maxlen=_DECISIONS)
        self._reward: float | None = None
        self._rollbacks = 0
        self._see(event["initial"], event["host"])

    def take(self, event: _Json) -> None:
        """Take one event of the environment."""
        match event["event"]:
            case "EpochCompleted":
                self._see(event["measured"], event["host"])
            case "DecisionMade":
                self._decide(event)
            case "RewardPaid":
                self._reward = (self._reward or 0.0) + sum(map(float, event["parts"].values()))
            case "GovernorRolledBack":
                self._rollbacks += 1
            case "EpisodeFinished":
                self._finish(event, diverged=event["diverged"])
            case "RunFinished":
                self._finish(event, diverged=False)
            case "TwinTrained":
                self._compare(event)

    def freeze(self) -> LiveEnvironment:
        """Return how it stands."""
        host = self._host
        return LiveEnvironment(
            environment=host["environment"],
            task=self._task,
            metric=self._metric,
            episode=self._episode,
            seed=self._seed,
            epoch=self.epoch,
            epochs=self.epochs,
            curves=(self._accuracy.freeze(), self._committed.freeze()),
            host_parameters=host["host_parameters"],
            parameters=host["parameters"],
            max_parameters=host["max_parameters"],
            reward=self._reward,
            slots=tuple(_read_slot(slot) for slot in host["slots"]),
            decisions=tuple(self._decisions),
            rollbacks=self._rollbacks,
            end=self.end,
            is_over=self.is_over,
        )

    def _see(self, measured: _Json, host: _Json) -> None:
        self._host = host
        self.epoch = measured["epoch"]
        self._accuracy.add(self.epoch, float(measured["control_accuracy"]))
        self._committed.add(self.epoch, float(measured["committed_accuracy"]))

    def _decide(self, event: _Json) -> None:
        command = event["command"]
        if command["op"] == LifecycleOp.WAIT.name and event["refusal"] is None:
            return
        chances = (event.get("evidence") or {}).get("probabilities", {}).get("OP", {})
        self._decisions.append(
            LiveDecision(
                epoch=event["epoch"],
                op=command["op"],
                slot_id=command["slot_id"],
                blueprint=command["blueprint"],
                reason=command["reason"],
                refusal=event["refusal"],
                probability=read_number(chances.get(command["op"])),
            )
        )

    def _finish(self, event: _Json, *, diverged: bool) -> None:
        self.is_over = True
        self.end = LiveEpisodeEnd(
            episode=self._episode,
            score=read_number(event["score"]),
            host_score=read_number(event.get("host_score")),
            parameters=event["parameters"],
            diverged=diverged,
        )

    def _compare(self, event: _Json) -> None:
        """Take what the host alone became: its score is its accuracy, as it pays no rent."""
        if self.end is not None:
            self.end = replace(self.end, host_score=read_number(event["test_accuracy"]))


def _read_slot(slot: _Json) -> LiveSlot:
    seed = slot["seed"]
    if seed is None:
        return LiveSlot(slot_id=slot["slot_id"], stage=slot["stage"])
    contribution = seed["contribution"]
    return LiveSlot(
        slot_id=slot["slot_id"],
        stage=slot["stage"],
        blueprint=seed["blueprint"],
        style=seed["style"],
        alpha=float(seed["alpha"]["alpha"]),
        alpha_target=float(seed["alpha"]["target"]),
        age_epochs=seed["age_epochs"],
        parameters=seed["parameters"],
        contribution=None if contribution is None else read_number(contribution["points"]),
        contribution_error=None
        if contribution is None
        else read_number(contribution["points_error"]),
    )

"""HostTale: takes the events of one host and says what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from tamiyo.contracts import MetricScale
from tamiyo.telemetry.numbers import read_number
from tamiyo.telemetry.story.records import (
    HostPoint,
    HostStory,
    StageSpan,
    StoryDecision,
    StoryEnd,
    StoryMark,
)

__all__ = ["HostTale"]

_Json: TypeAlias = Mapping[str, Any]

_CHOICES: Final = ("blueprint", "style", "tempo", "alpha_target", "alpha_speed", "alpha_curve")
_SEED_MARKS: Final = {
    "SeedGerminated": "planted",
    "SeedFossilized": "kept",
    "SeedPruned": "removed",
}


class HostTale:
    """Takes the events of one host, each as plain JSON values.

    Stages come from the reports after each epoch alone, so that they hold across a rollback and
    where an event was lost.

    Args:
        start: The ``RunStarted`` or ``EpisodeStarted`` of it.
    """

    def __init__(self, start: _Json) -> None:
        host = start["host"]
        self._about: dict[str, Any] = {
            **{name: start[name] for name in ("task", "seed", "epochs")},
            "environment": host["environment"],
            "episode": start.get("episode"),
            "metric": MetricScale(**start["metric"]),
            "slot_ids": tuple(slot["slot_id"] for slot in host["slots"]),
            "host_parameters": host["host_parameters"],
            "max_parameters": host["max_parameters"],
            "blueprints": {
                name: count
                for slot in host["slots"]
                for name, count in slot["blueprint_parameters"].items()
            },
        }
        self._points = [_read_point(start["initial"], host)]
        self._spans: list[StageSpan] = []
        self._open: dict[str, StageSpan] = {}
        self._decisions: list[StoryDecision] = []
        self._marks: list[StoryMark] = []
        self._rewards: list[tuple[int, Mapping[str, float]]] = []
        self._host_score: float | None = None
        self._twin: tuple[float, ...] = ()
        self._end: StoryEnd | None = None
        self._handlers: dict[str, Callable[[_Json], None]] = {
            "EpochCompleted": self._see,
            "DecisionMade": self._decide,
            "RewardPaid": self._pay,
            "SeedGerminated": self._mark_seed,
            "SeedFossilized": self._mark_seed,
            "SeedPruned": self._mark_seed,
            "TamiyoInitiated": self._stabilize,
            "GovernorRolledBack": self._roll_back,
            "RunFinished": self._finish,
            "EpisodeFinished": self._finish,
            "TwinTrained": self._compare,
        }

    def take(self, event: _Json) -> None:
        """Take one event; names that are not known here are passed over."""
        handler = self._handlers.get(event["event"])
        if handler is not None:
            handler(event)

    def finish(self) -> HostStory:
        """Return what happened so far."""
        spans = sorted([*self._spans, *self._open.values()], key=lambda span: span.first_epoch)
        return HostStory(
            **self._about,
            points=tuple(self._points),
            spans=tuple(spans),
            decisions=tuple(self._decisions),
            marks=tuple(self._marks),
            rewards=tuple(self._rewards),
            host_score=self._host_score,
            twin=self._twin,
            end=self._end,
        )

    def _see(self, event: _Json) -> None:
        point = _read_point(event["measured"], event["host"])
        self._points.append(point)
        for slot in event["host"]["slots"]:
            slot_id = slot["slot_id"]
            before = self._open.pop(slot_id, None)
            span = None if slot["stage"] is None else _read_span(slot, point.epoch)
            if before is not None and span is not None and _continues(before, span):
                span = replace(
                    span,
                    first_epoch=before.first_epoch,
                    alphas=before.alphas + span.alphas,
                    contributions=before.contributions + span.contributions,
                )
            elif before is not None:
                self._spans.append(before)
            if span is not None:
                self._open[slot_id] = span

    def _decide(self, event: _Json) -> None:
        self._decisions.append(_read_decision(event))

    def _pay(self, event: _Json) -> None:
        parts = {name: float(value) for name, value in event["parts"].items()}
        paid = {name: value for name, value in parts.items() if value != 0}
        self._rewards.append((event["epoch"], paid))

    def _stabilize(self, event: _Json) -> None:
        self._mark(event["epoch"], "stabilized", "the host alone no longer improves much")

    def _roll_back(self, event: _Json) -> None:
        told = f"{event['reason']}; back to epoch {event['restored_epoch']}"
        self._mark(event["epoch"], "rolled back", told)

    def _compare(self, event: _Json) -> None:
        self._twin = tuple(float(value) for value in event["control_accuracies"])
        self._host_score = read_number(event["test_accuracy"])

    def _mark(self, epoch: int, kind: str, reason: str) -> None:
        mark = StoryMark(epoch=epoch, kind=kind, slot_id=None, seed_id=None, reason=reason)
        self._marks.append(mark)

    def _mark_seed(self, event: _Json) -> None:
        command = event.get("command") or {}
        mark = StoryMark(
            epoch=event["epoch"],
            kind=_SEED_MARKS[event["event"]],
            slot_id=event["slot_id"],
            seed_id=event["seed_id"],
            reason=event.get("reason", command.get("reason", "")),
        )
        self._marks.append(mark)

    def _finish(self, event: _Json) -> None:
        worth = event.get("contributions", {})
        self._end = StoryEnd(
            epochs=event.get("epochs"),
            control_accuracy=read_number(event.get("control_accuracy")),
            test_accuracy=read_number(event.get("test_accuracy")),
            score=read_number(event["score"]),
            parameters=event["parameters"],
            multiply_adds=event.get("multiply_adds"),
            is_interrupted=event.get("interrupted", False),
            diverged=event.get("diverged", False),
            episode_return=read_number(event.get("episode_return")),
            contributions={seed_id: float(one["points"]) for seed_id, one in worth.items()},
        )
        if "host_score" in event:
            self._host_score = read_number(event["host_score"])


def _read_point(measured: _Json, host: _Json) -> HostPoint:
    return HostPoint(
        epoch=measured["epoch"],
        accuracy=float(measured["control_accuracy"]),
        committed=float(measured["committed_accuracy"]),
        parameters=host["parameters"],
    )


def _read_span(slot: _Json, epoch: int) -> StageSpan:
    seed = slot["seed"] or {}
    contribution = seed.get("contribution") or {}
    return StageSpan(
        slot_id=slot["slot_id"],
        stage=slot["stage"],
        seed_id=seed.get("seed_id"),
        blueprint=seed.get("blueprint"),
        style=seed.get("style"),
        parameters=seed.get("parameters"),
        first_epoch=epoch,
        last_epoch=epoch,
        alphas=(float(seed["alpha"]["alpha"]) if seed else None,),
        contributions=(read_number(contribution.get("points")),),
        error=read_number(contribution.get("points_error")),
    )


def _continues(last: StageSpan, span: StageSpan) -> bool:
    same = (last.seed_id, last.stage, last.style) == (span.seed_id, span.stage, span.style)
    return same and last.last_epoch + 1 == span.first_epoch


def _read_decision(event: _Json) -> StoryDecision:
    command = event["command"]
    evidence = event.get("evidence") or {}
    chances = evidence.get("probabilities", {}).get("OP", {})
    return StoryDecision(
        epoch=event["epoch"],
        op=command["op"],
        slot_id=command["slot_id"],
        choices=tuple(command[name] for name in _CHOICES if command[name] is not None),
        reason=command["reason"],
        refusal=event["refusal"],
        legal_ops=tuple(evidence.get("legal_ops", ())),
        probability=read_number(chances.get(command["op"])),
        value=read_number(evidence.get("value")),
    )

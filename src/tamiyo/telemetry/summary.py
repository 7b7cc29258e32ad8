"""A run from its events: what was measured, and which structure stood in each slot when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from tamiyo.contracts import (
    ArtifactError,
    Blueprint,
    Initiator,
    LifecycleOp,
    MetricScale,
    PairedDifference,
    SeedStage,
    Style,
    decoding,
)
from tamiyo.telemetry.numbers import read_number
from tamiyo.telemetry.records import (
    DecisionRow,
    EpochPoint,
    FossilRow,
    GerminationRow,
    PrunedRow,
    RollbackRow,
    RunOutcome,
    RunSummary,
    SlotSpan,
    TwinOutcome,
)

__all__ = ["summarize_run"]

_Json: TypeAlias = Mapping[str, Any]


def summarize_run(events: Iterable[Mapping[str, Any]]) -> RunSummary:
    """Fold the events of one run into its summary.

    The structure timeline comes from the reports after each epoch, so it holds across a rollback; a
    seed that a rollback brought back to life is no longer listed as pruned or fossilized.

    Args:
        events: Decoded events in order, from :func:`read_events` or ``MemorySink.encode``. Names of
            events that are not known here are passed over.

    Returns:
        The summary; of an unfinished run, what is known so far.

    Raises:
        ArtifactError: If an event lacks a field, or they are not the events of one run.
    """
    fold = _RunFold()
    for number, event in enumerate(events, start=1):
        try:
            fold.take(event)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            name = event.get("event")
            message = (
                f"event {number} must be a complete {name}, got {type(error).__name__}: {error}"
            )
            raise ArtifactError(message) from error
    with decoding("events of a run"):
        return fold.finish()


class _RunFold:
    """The state of a run while its events are read."""

    def __init__(self) -> None:
        self._environment: int | None = None
        self._about: dict[str, Any] = {}
        self._end: _Json | None = None
        self._twin: TwinOutcome | None = None
        self._slots: tuple[_Json, ...] = ()
        self._last_decision: int | None = None
        self._stabilized_epoch: int | None = None
        self._points: list[EpochPoint] = []
        self._spans: dict[str, list[SlotSpan]] = {}
        self._decisions: list[DecisionRow] = []
        self._germinations: dict[str, GerminationRow] = {}
        self._newest: dict[str, GerminationRow] = {}
        self._fossils: dict[str, FossilRow] = {}
        self._pruned: dict[str, PrunedRow] = {}
        self._rollbacks: list[RollbackRow] = []
        self._handlers: dict[str, Callable[[_Json], None]] = {
            "RunStarted": self._take_start,
            "DecisionMade": self._take_decision,
            "SeedGerminated": self._take_germination,
            "SeedFossilized": self._take_fossil,
            "SeedPruned": self._take_prune,
            "TamiyoInitiated": self._take_stabilization,
            "GovernorRolledBack": self._take_rollback,
            "EpochCompleted": self._take_epoch,
            "RunFinished": self._take_end,
            "TwinTrained": self._take_twin,
        }

    def take(self, event: _Json) -> None:
        """Take one event.

        Raises:
            ArtifactError: If it cannot follow the events before it in one run.
        """
        name = event["event"]
        if not self._about and name != "RunStarted":
            message = f"the first event of a run must be RunStarted, got {name}"
            raise ArtifactError(message)
        self._check_environment(event)
        handler = self._handlers.get(name)
        if handler is not None:
            handler(event)

    def finish(self) -> RunSummary:
        """Return the summary of what was taken.

        Raises:
            ArtifactError: If nothing was.
        """
        if not self._about:
            message = "the first event of a run must be RunStarted, got no event"
            raise ArtifactError(message)
        spans = sorted(
            (span for slot_spans in self._spans.values() for span in slot_spans),
            key=lambda span: (span.first_epoch, span.slot_id),
        )
        return RunSummary(
            **self._about,
            course=tuple(self._points),
            closing_epoch=self._find_closing_epoch(),
            stabilized_epoch=self._stabilized_epoch,
            spans=tuple(spans),
            decisions=tuple(self._decisions),
            germinations=tuple(self._germinations.values()),
            fossils=tuple(self._finish_fossils()),
            pruned=tuple(row for row in self._pruned.values() if not self._is_alive(row.seed_id)),
            rollbacks=tuple(self._rollbacks),
            outcome=None if self._end is None else _read_outcome(self._end),
            twin=self._twin,
        )

    def _check_environment(self, event: _Json) -> None:
        if "environment" in event and event["environment"] != self._environment:
            expected, got = self._environment, event["environment"]
            message = f"events must be of one environment, {expected}, got one of {got}"
            raise ArtifactError(message)

    def _take_start(self, event: _Json) -> None:
        if self._about:
            message = "a log must hold one run, got a second RunStarted"
            raise ArtifactError(message)
        host = event["host"]
        self._environment = host["environment"]
        self._about = {
            **{name: event[name] for name in ("task", "controller", "seed", "epochs")},
            "metric": MetricScale(**event["metric"]),
            "config_hash": event["config_hash"],
            "slot_ids": tuple(slot["slot_id"] for slot in host["slots"]),
            "host_parameters": host["host_parameters"],
        }
        self._points.append(_read_point(event["initial"], event["host"]))

    def _take_decision(self, event: _Json) -> None:
        command = event["command"]
        self._last_decision = event["epoch"]
        self._decisions.append(
            DecisionRow(
                epoch=event["epoch"],
                op=LifecycleOp[command["op"]],
                slot_id=command["slot_id"],
                blueprint=command["blueprint"] and Blueprint[command["blueprint"]],
                style=command["style"] and Style[command["style"]],
                reason=command["reason"],
                refusal=event["refusal"],
            )
        )

    def _take_germination(self, event: _Json) -> None:
        row = GerminationRow(
            epoch=event["epoch"],
            slot_id=event["slot_id"],
            seed_id=event["seed_id"],
            blueprint=Blueprint[event["command"]["blueprint"]],
            style=Style[event["command"]["style"]],
            parameters=event["parameters"],
        )
        self._germinations[row.seed_id] = row
        self._newest[row.slot_id] = row

    def _take_fossil(self, event: _Json) -> None:
        born = self._germinations[event["seed_id"]]
        self._fossils[born.seed_id] = FossilRow(
            seed_id=born.seed_id,
            slot_id=born.slot_id,
            blueprint=born.blueprint,
            style=born.style,
            germinated_epoch=born.epoch,
            fossilized_epoch=event["epoch"],
            parameters=event["parameters"],
            alpha=float(event["alpha"]),
            committed=_read_difference(event["contribution"]),
            final=None,
        )

    def _take_prune(self, event: _Json) -> None:
        born = self._germinations[event["seed_id"]]
        self._pruned[born.seed_id] = PrunedRow(
            seed_id=born.seed_id,
            slot_id=born.slot_id,
            blueprint=born.blueprint,
            germinated_epoch=born.epoch,
            pruned_epoch=event["epoch"],
            parameters=event["parameters"],
            initiator=Initiator[event["initiator"]],
            reason=event["reason"],
        )

    def _take_stabilization(self, event: _Json) -> None:
        self._stabilized_epoch = event["epoch"]

    def _take_rollback(self, event: _Json) -> None:
        self._rollbacks.append(
            RollbackRow(
                epoch=event["epoch"],
                restored_epoch=event["restored_epoch"],
                reason=event["reason"],
            )
        )

    def _take_epoch(self, event: _Json) -> None:
        point = _read_point(event["measured"], event["host"])
        self._points.append(point)
        self._slots = tuple(event["host"]["slots"])
        for slot in self._slots:
            if slot["stage"] is not None:
                self._extend_spans(slot, point.epoch)

    def _take_end(self, event: _Json) -> None:
        self._end = event

    def _take_twin(self, event: _Json) -> None:
        self._twin = TwinOutcome(
            control_accuracies=tuple(float(value) for value in event["control_accuracies"]),
            test_accuracy=read_number(event["test_accuracy"]),
            parameters=event["parameters"],
            multiply_adds=event["multiply_adds"],
        )

    def _extend_spans(self, slot: _Json, epoch: int) -> None:
        seed = slot["seed"]
        newest = self._newest[slot["slot_id"]]
        span = SlotSpan(
            slot_id=slot["slot_id"],
            seed_id=newest.seed_id if seed is None else seed["seed_id"],
            blueprint=newest.blueprint if seed is None else Blueprint[seed["blueprint"]],
            style=newest.style if seed is None else Style[seed["style"]],
            stage=SeedStage[slot["stage"]],
            first_epoch=epoch,
            last_epoch=epoch,
            alphas=(0.0 if seed is None else float(seed["alpha"]["alpha"]),),
        )
        spans = self._spans.setdefault(span.slot_id, [])
        if spans and _continues(spans[-1], span):
            last = spans[-1]
            spans[-1] = replace(last, last_epoch=epoch, alphas=last.alphas + span.alphas)
        else:
            spans.append(span)

    def _find_closing_epoch(self) -> int | None:
        if self._last_decision is None or self._last_decision >= self._points[-1].epoch:
            return None
        return self._last_decision + 1

    def _finish_fossils(self) -> Iterable[FossilRow]:
        """Leave out what a rollback undid; add the final style and the final worth."""
        contributions = {} if self._end is None else self._end["contributions"]
        for row in self._fossils.values():
            slot = self._find_slot(row.seed_id)
            is_newest = row.fossilized_epoch > self._points[-1].epoch
            if not is_newest and (slot is None or slot["stage"] != SeedStage.FOSSILIZED.name):
                continue
            style = row.style if slot is None else Style[slot["seed"]["style"]]
            final = _read_difference(contributions.get(row.seed_id))
            yield replace(row, style=style, final=final)

    def _find_slot(self, seed_id: str) -> _Json | None:
        for slot in self._slots:
            if slot["seed"] is not None and slot["seed"]["seed_id"] == seed_id:
                return slot
        return None

    def _is_alive(self, seed_id: str) -> bool:
        row = self._pruned[seed_id]
        return row.pruned_epoch <= self._points[-1].epoch and self._find_slot(seed_id) is not None


def _continues(last: SlotSpan, span: SlotSpan) -> bool:
    same = (last.seed_id, last.stage, last.style) == (span.seed_id, span.stage, span.style)
    return same and last.last_epoch + 1 == span.first_epoch


def _read_point(measured: _Json, host: _Json) -> EpochPoint:
    return EpochPoint(
        epoch=measured["epoch"],
        control_accuracy=float(measured["control_accuracy"]),
        committed_accuracy=float(measured["committed_accuracy"]),
        control_loss=float(measured["control_loss"]),
        train_loss=read_number(measured["train_loss"]),
        parameters=host["parameters"],
        multiply_adds=measured["multiply_adds"],
    )


def _read_difference(value: _Json | None) -> PairedDifference | None:
    if value is None:
        return None
    return PairedDifference(
        points=float(value["points"]),
        points_error=read_number(value["points_error"]),
        loss=float(value["loss"]),
        loss_error=read_number(value["loss_error"]),
    )


def _read_outcome(event: _Json) -> RunOutcome:
    return RunOutcome(
        epochs=event["epochs"],
        interrupted=event["interrupted"],
        control_accuracy=float(event["control_accuracy"]),
        test_accuracy=read_number(event["test_accuracy"]),
        score=read_number(event["score"]),
        parameters=event["parameters"],
        multiply_adds=event["multiply_adds"],
    )

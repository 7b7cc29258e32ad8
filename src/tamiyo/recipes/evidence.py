"""What decisions are made from: gathered beside the controller, told with its decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tamiyo.contracts import DecisionEvidence, DecisionMade, list_legal_ops
from tamiyo.observation import MoveTracker, ObservationEncoder, build_layout, gather_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import Event, EventSink, HostReport, TaskConfig, TrainingSignals

__all__ = ["EvidenceGatherer", "EvidenceSink", "ExplainedController", "scale_by"]


@runtime_checkable
class ExplainedController(Protocol):
    """A controller that says itself what it decided from."""

    @property
    def evidence(self) -> DecisionEvidence | None:
        """What its last decision was made from; ``None`` before the first."""
        ...


class EvidenceGatherer:
    """Looks at what a controller sees that does not explain itself: a rule-based one.

    Args:
        task: What observations are scaled by.
        slot_ids: Slots of the host.
    """

    def __init__(self, task: TaskConfig, slot_ids: Sequence[str]) -> None:
        self._task = task
        self._layout = build_layout(len(slot_ids))
        self._moves = MoveTracker(self._layout, slot_ids)

    def gather(self, signals: TrainingSignals, host: HostReport) -> DecisionEvidence:
        """Say what is known where a decision is made; probabilities and value are not.

        Args:
            signals: The course of training so far.
            host: The host and its slots now.
        """
        encoder = ObservationEncoder(self._layout, scale_by(self._task, signals))
        (observation,) = encoder.encode(gather_arrays([host], [signals]))
        return DecisionEvidence(
            legal_ops=list_legal_ops(host),
            moved=self._moves.take(observation, encoder.unknown[0]),
        )


class EvidenceSink:
    """Puts the evidence to decisions as they are told.

    Args:
        sink: Where all events go on to.
    """

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._evidence: DecisionEvidence | None = None

    def expect(self, evidence: DecisionEvidence | None) -> None:
        """Say what the next decision was made from; ``None`` if nobody knows."""
        self._evidence = evidence

    def emit(self, event: Event) -> None:
        """Hand the event on, a decision with its evidence."""
        if isinstance(event, DecisionMade):
            event, self._evidence = replace(event, evidence=self._evidence), None
        self._sink.emit(event)


def scale_by(task: TaskConfig, signals: TrainingSignals) -> TaskConfig:
    """Return a task with the number of batches an epoch has, if need be that of the epochs so far.

    Args:
        task: The task, which may not say.
        signals: The course of training so far.
    """
    if task.batches_per_epoch is not None:
        return task
    # Before the first epoch no step was made, so that any number does.
    batches = signals.global_step // max(1, signals.epoch)
    return replace(task, batches_per_epoch=max(1, batches))

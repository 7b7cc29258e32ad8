"""ScalarReader: the numbers of an event that belong on a curve, with the step they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tamiyo.contracts import (
    AlarmRaised,
    EpochCompleted,
    PhasesTimed,
    RunFinished,
    RunStarted,
    UpdateCompleted,
    encode_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tamiyo.contracts import Event, UpdateReport

__all__ = ["ScalarReader", "Scalars"]


class Scalars(NamedTuple):
    """Points of several curves.

    Attributes:
        step: Environment steps of a training, or the epoch of a run.
        values: Name of the curve to its value; finite or not, never unknown.
    """

    step: int
    values: dict[str, float]


class ScalarReader:
    """Reads the events of one run or training in order.

    Names are paths of the events' fields, such as ``policy/kl`` and ``heads/op/entropy``. Of a
    training only what sums up a round is read: its recorded episodes would draw over each other.
    """

    def __init__(self) -> None:
        self._is_run = False
        self._step = 0

    def read(self, event: Event) -> Scalars | None:
        """Return the numbers of an event; ``None`` if it has none for a curve."""
        values: dict[str, float] = {}
        match event:
            case RunStarted():
                self._is_run = True
                values = _flatten(encode_record(event.initial), "control")
            case EpochCompleted() if self._is_run:
                self._step = event.measured.epoch
                values = self._read_epoch(event)
            case RunFinished():
                ends = {"score": event.score, "test_accuracy": event.test_accuracy}
                values = _flatten(ends, "final")
            case UpdateCompleted():
                self._step = event.report.steps
                values = _read_update(event.report)
            case PhasesTimed():
                values = _read_phases(event)
            case AlarmRaised():
                values = {f"alarms/{event.kind.value.replace(' ', '_')}": 1.0}
            case _:
                pass
        return Scalars(self._step, values) if values else None

    @staticmethod
    def _read_epoch(event: EpochCompleted) -> dict[str, float]:
        values = _flatten(encode_record(event.measured), "control")
        values["host/parameters"] = event.host.parameters
        for slot in event.host.slots:
            if slot.seed is not None:
                values[f"slots/{slot.slot_id}/alpha"] = slot.seed.alpha.alpha
                if slot.seed.contribution is not None:
                    values[f"slots/{slot.slot_id}/contribution"] = slot.seed.contribution.points
        return values


def _read_update(report: UpdateReport) -> dict[str, float]:
    plain = encode_record(report)
    parts = ("rollout", "policy", "value", "advantages", "heads", "ops")
    return {
        name: value for part in parts for name, value in _flatten(plain[part], part).items()
    } | {"alarms/count": len(report.alarms)}


def _read_phases(event: PhasesTimed) -> dict[str, float]:
    total = sum(event.seconds.values())
    values = {f"time/{name}_seconds": seconds for name, seconds in event.seconds.items()}
    return values | ({"time/steps_per_second": event.steps / total} if total else {})


def _flatten(value: object, name: str) -> dict[str, float]:
    """Return all numbers within a value by their path; what is unknown, text or a list is not."""
    return dict(_walk(value, name))


def _walk(value: object, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        inner: Mapping[str, object] = value
        for key, item in inner.items():
            yield from _walk(item, f"{name}/{key}")
    elif isinstance(value, int | float):
        yield name, float(value)

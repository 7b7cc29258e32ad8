"""What a log says was decided, and the controller that decides it once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import (
    AdaptationCommand,
    ArtifactError,
    HostReport,
    TamiyoDecision,
    TrainingSignals,
    decode_record,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RecordedController", "RecordedRun", "read_recorded_run"]

_START: Final = "RunStarted"


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run as far as it must be known to make it again.

    Attributes:
        start: Its ``RunStarted`` as plain JSON values.
        events: Every event of it in order, the start first.
        commands: Epoch to what was to be done in it, refused commands included.
        epochs: Epochs that were completed.
        is_finished: Whether it ended, at its last epoch or by a stop; false if it was killed.
    """

    start: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    commands: Mapping[int, AdaptationCommand]
    epochs: int
    is_finished: bool


class RecordedController:
    """Decides what was decided before.

    Args:
        run: What was recorded.
    """

    def __init__(self, run: RecordedRun) -> None:
        self._commands = run.commands
        self._name = str(run.start["controller"])

    @property
    def name(self) -> str:
        """Name of the controller that decided."""
        return self._name

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Return the recorded decision of this epoch.

        Args:
            signals: Not looked at.
            host: The host now, for the epoch only.

        Raises:
            ArtifactError: If none was recorded.
        """
        del signals
        command = self._commands.get(host.epoch)
        if command is None:
            known = ", ".join(map(str, self._commands)) or "none"
            message = (
                f"event log must hold the decision of epoch {host.epoch}, got those of {known}"
            )
            raise ArtifactError(message)
        given = {item.name: getattr(command, item.name) for item in fields(TamiyoDecision)}
        return TamiyoDecision(**{name: one for name, one in given.items() if one is not None})


def read_recorded_run(events: Sequence[Mapping[str, Any]]) -> RecordedRun:
    """Take out of the events of a run what it takes to make it again.

    Args:
        events: Decoded events of one run in order, as :func:`~tamiyo.telemetry.read_events` gives.

    Returns:
        The run; of an unfinished one, what is known so far.

    Raises:
        ArtifactError: If the first event is not the start of a run, or one lacks a field.
    """
    first = events[0]["event"] if events else "no event"
    if first != _START:
        message = f"the first event of a run must be {_START}, got {first}"
        raise ArtifactError(message)
    commands: dict[int, AdaptationCommand] = {}
    epochs = 0
    for number, event in enumerate(events, start=1):
        try:
            if event["event"] == "DecisionMade":
                commands[event["epoch"]] = decode_record(AdaptationCommand, event["command"])
            elif event["event"] == "EpochCompleted":
                epochs = event["measured"]["epoch"]
        except (AttributeError, KeyError, TypeError) as error:
            message = (
                f"event {number} must be a complete {event['event']}, "
                f"got {type(error).__name__}: {error}"
            )
            raise ArtifactError(message) from error
    return RecordedRun(
        start=events[0],
        events=tuple(events),
        commands=commands,
        epochs=epochs,
        is_finished=any(event["event"] == "RunFinished" for event in events),
    )

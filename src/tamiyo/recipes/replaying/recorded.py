"""What a log says was decided, and the controller that decides it once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tamiyo.contracts import (
    AdaptationCommand,
    ArtifactError,
    HostReport,
    TamiyoDecision,
    TrainingSignals,
    decode_record,
)
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.telemetry import EventScan, find_host_events

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RecordedController", "RecordedRun", "read_recorded_run"]

_ENDS: Final = frozenset({"RunFinished", "EpisodeFinished"})


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run, or an episode of a training, as far as it must be known to make it again.

    Attributes:
        start: Its ``RunStarted`` or ``EpisodeStarted`` as plain JSON values.
        events: Every event of it in order, the start first.
        commands: Epoch to what was to be done in it, refused commands included.
        epochs: Epochs that were completed, at least 1.
        is_finished: Whether it ended, at its last epoch or before; false if it was killed.
    """

    start: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    commands: Mapping[int, AdaptationCommand]
    epochs: int
    is_finished: bool

    @property
    def is_episode(self) -> bool:
        """Whether it is an episode of a training."""
        return bool(self.start["event"] == "EpisodeStarted")

    def find_command(self, epoch: int) -> AdaptationCommand:
        """Return what was to be done in an epoch.

        Raises:
            ArtifactError: If no decision was recorded for it.
        """
        command = self.commands.get(epoch)
        if command is None:
            known = ", ".join(map(str, self.commands)) or "none"
            message = f"event log must hold the decision of epoch {epoch}, got those of {known}"
            raise ArtifactError(message)
        return command


class RecordedController:
    """Decides what was decided before: a run given it again comes to the same network.

    ``tamiyo replay`` does that for the runs it can build; a model of one's own is grown again by
    ``tamiyo.grow`` with this controller, and all else as it was.

    Args:
        run: What was recorded.
    """

    def __init__(self, run: RecordedRun) -> None:
        self._run = run

    @classmethod
    def from_run(cls, folder: Path | str) -> Self:
        """Read what was decided in a run.

        Args:
            folder: Folder of the run; of it only the event log is read.

        Raises:
            ArtifactError: If the log is missing or damaged, or holds no run with an epoch.
        """
        return cls(read_recorded_run(EventScan(RunFolder(Path(folder)).events)))

    @property
    def name(self) -> str:
        """Name of the controller that decided."""
        return str(self._run.start.get("controller") or "recorded")

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Return the recorded decision of this epoch.

        Args:
            signals: Not looked at.
            host: The host now, for the epoch only.

        Raises:
            ArtifactError: If none was recorded.
        """
        del signals
        command = self._run.find_command(host.epoch)
        given = {item.name: getattr(command, item.name) for item in fields(TamiyoDecision)}
        return TamiyoDecision(**{name: one for name, one in given.items() if one is not None})


def read_recorded_run(
    events: Iterable[Mapping[str, Any]],
    *,
    environment: int | None = None,
    episode: int | None = None,
) -> RecordedRun:
    """Take out of a log what it takes to make a run, or an episode of a training, again.

    Args:
        events: Decoded events in order, as :class:`~tamiyo.telemetry.EventScan` gives them.
        environment: Index of the environment; the first in the log if not given.
        episode: Number of the episode; the newest if not given.

    Returns:
        The run or episode; of an unfinished one, what is known so far.

    Raises:
        ConfigError: If the log has no such environment or episode.
        ArtifactError: If it has no host or no completed epoch, or an event lacks a field.
    """
    numbered = find_host_events(events, environment=environment, episode=episode)
    commands: dict[int, AdaptationCommand] = {}
    epochs = 0
    for number, event in numbered:
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
    if epochs == 0:
        message = "event log must hold a completed epoch to be replayed, got none"
        raise ArtifactError(message)
    return RecordedRun(
        start=numbered[0][1],
        events=tuple(event for _, event in numbered),
        commands=commands,
        epochs=epochs,
        is_finished=any(event["event"] in _ENDS for _, event in numbered),
    )

"""LiveFollower: a log that is being written, and how its run stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.telemetry.following import EventFollower
from tamiyo.telemetry.live.fold import LiveFold

if TYPE_CHECKING:
    from pathlib import Path

    from tamiyo.telemetry.live.state import LiveState

__all__ = ["LiveFollower"]


class LiveFollower:
    """Follows a log and folds its events; a log that is replaced begins anew.

    Args:
        path: The log; it need not exist yet.

    Attributes:
        log: What follows it, and knows what of it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.log = EventFollower(path)
        self._fold = LiveFold()
        self._restarts = 0

    def take(self) -> None:
        """Take in the next portion of what is new.

        Raises:
            ArtifactError: If the log cannot be read, or holds what this version does not know.
        """
        events = self.log.poll()
        if self.log.restarts != self._restarts:
            self._restarts = self.log.restarts
            self._fold = LiveFold()
        for event in events:
            self._fold.take(event)

    def freeze(self) -> LiveState:
        """Return how the run stands by what was taken in."""
        return self._fold.freeze()

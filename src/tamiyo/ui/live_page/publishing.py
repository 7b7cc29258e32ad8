"""Follow an event log, and publish how the run stands whenever that changed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import SeedStage, encode_record
from tamiyo.telemetry import LOG_NAME, LiveFollower, replace_non_finite
from tamiyo.ui.report.palette import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tamiyo.ui.live_page.feed import StateFeed

__all__ = ["LogPublisher"]

_PAUSE_SECONDS: Final = 0.5
_SHOWN_DAMAGES: Final = 3


class LogPublisher:
    """Turns a log into states of a feed; each is one line of JSON.

    A state holds ``run`` (what the log is called), ``log`` (whether it is there and what of it is
    missing), ``stages`` (name of a stage to its label and color) and ``state``, the record
    :class:`~tamiyo.telemetry.LiveState`. Numbers that are not finite are ``null``.

    Args:
        log: The log; it need not exist yet.
        feed: Where the states go.
        clock: Gives seconds that only rise.
    """

    def __init__(
        self, log: Path, feed: StateFeed, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = LiveFollower(log)
        self._feed = feed
        self._clock = clock
        self._published: float | None = None

    def step(self) -> bool:
        """Read the next portion of the log, and publish if that is due.

        While much is left to read, states are published twice a second only.

        Returns:
            Whether there is more to read at once.

        Raises:
            ArtifactError: If the log cannot be read, or holds what this version does not know.
        """
        self._run.take()
        now = self._clock()
        is_due = self._published is None or now - self._published >= _PAUSE_SECONDS
        if is_due or not self._run.log.has_more:
            self._published = now
            self._feed.publish(self._write())
        return self._run.log.has_more

    def follow(self) -> None:
        """Read on until the feed is closed.

        Raises:
            ArtifactError: As :meth:`step`.
        """
        while not self._feed.is_closed:
            if not self.step():
                time.sleep(_PAUSE_SECONDS)

    def _write(self) -> str:
        log = self._run.log
        content = {
            "run": _name(log.path),
            "log": {
                "is_there": log.path.is_file(),
                "is_read": not log.has_more,
                "is_torn": log.is_torn,
                "damaged_count": log.damaged_count,
                "damaged_lines": [one.number for one in log.damaged_lines[:_SHOWN_DAMAGES]],
            },
            "stages": {stage.name: _describe(stage) for stage in STAGES},
            "state": encode_record(self._run.freeze()),
        }
        return json.dumps(replace_non_finite(content, lambda _: None), allow_nan=False)


def _name(log: Path) -> str:
    """Return what the log is called: by its run folder, or its own name where it has another."""
    return log.resolve().parent.name if log.name == LOG_NAME else log.name


def _describe(stage: SeedStage) -> dict[str, str]:
    label, color = STAGES[stage]
    return {"label": label, "color": color}

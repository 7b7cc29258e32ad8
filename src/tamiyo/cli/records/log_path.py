"""Where the event log of a run lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_log"]

_NAME: Final = "events.jsonl"


def find_log(run: Path) -> Path:
    """Find the event log of a run.

    Args:
        run: A run folder, or the log itself.

    Raises:
        ArtifactError: If there is no log.
    """
    if run.is_file():
        return run
    log = run / _NAME
    if not log.is_file():
        message = (
            f"RUN must be a run folder with {_NAME} in it, or such a file, got {run}: "
            "runs are what `tamiyo grow` and `tamiyo train` leave in their --out folder"
        )
        raise ArtifactError(message)
    return log

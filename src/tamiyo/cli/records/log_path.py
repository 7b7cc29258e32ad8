"""Where the event log of a run lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import LOG_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_log", "locate_log"]


def locate_log(run: Path) -> Path:
    """Say where the event log of a run lies or will lie, there or not.

    Args:
        run: A run folder, or the log itself.
    """
    return run if run.is_file() or run.suffix == ".jsonl" else run / LOG_NAME


def find_log(run: Path) -> Path:
    """Find the event log of a run.

    Args:
        run: A run folder, or the log itself.

    Raises:
        ArtifactError: If there is no log.
    """
    log = locate_log(run)
    if not log.is_file():
        message = (
            f"RUN must be a run folder with {LOG_NAME} in it, or such a file, got {run}: "
            "runs are what `tamiyo grow` and `tamiyo train` leave in their --out folder"
        )
        raise ArtifactError(message)
    return log

"""Where evidence comes from: runs, tasks, and hosts of the user's own."""

from __future__ import annotations

from tamiyo.checks.subjects.host import observe_host
from tamiyo.checks.subjects.run import observe_run
from tamiyo.checks.subjects.task import observe_task

__all__ = ["observe_host", "observe_run", "observe_task"]

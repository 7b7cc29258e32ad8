"""Requirements that can be checked on a run, a task or a host of the user's own."""

from __future__ import annotations

from tamiyo.checks.checking import check_host, check_run, check_task
from tamiyo.checks.findings import CheckResult, CheckStatus
from tamiyo.checks.requirements import REQUIREMENTS, Requirement

__all__ = [
    "REQUIREMENTS",
    "CheckResult",
    "CheckStatus",
    "Requirement",
    "check_host",
    "check_run",
    "check_task",
]

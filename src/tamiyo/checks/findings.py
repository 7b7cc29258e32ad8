"""What a check saw: findings, and the verdict on a requirement that they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CheckResult", "CheckStatus", "Finding", "conclude", "find_violations"]

_SHOWN = 3


class CheckStatus(StrEnum):
    """Whether a requirement holds on what was looked at."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        holds: Whether it is as it must be.
        observed: What was seen, with its numbers.
    """

    holds: bool
    observed: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The verdict on one requirement.

    Attributes:
        id: Number of the requirement in ``docs/requirements.md``.
        title: What it is about.
        status: Whether it holds.
        observed: What was seen; where it does not apply, why not.
    """

    id: str
    title: str
    status: CheckStatus
    observed: str


def conclude(id_: str, title: str, findings: Sequence[Finding], *, reason: str) -> CheckResult:
    """Add findings up: one that does not hold is enough to fail, and then only such are told.

    Args:
        id_: Number of the requirement.
        title: What it is about.
        findings: What was looked at; nothing means that the requirement does not apply.
        reason: Why it does not, if so.
    """
    broken = [finding for finding in findings if not finding.holds]
    status = CheckStatus.FAIL if broken else CheckStatus.PASS
    told = "; ".join(finding.observed for finding in broken or findings)
    if not findings:
        status, told = CheckStatus.NOT_APPLICABLE, reason
    return CheckResult(id=id_, title=title, status=status, observed=told)


def find_violations(violations: Sequence[str], otherwise: str) -> Finding:
    """Tell the first few violations, or what was looked at if there are none.

    Args:
        violations: One clause each.
        otherwise: What to tell if there are none.
    """
    if not violations:
        return Finding(holds=True, observed=otherwise)
    more = len(violations) - _SHOWN
    tail = f" and {more} more" if more > 0 else ""
    return Finding(holds=False, observed="; ".join(violations[:_SHOWN]) + tail)

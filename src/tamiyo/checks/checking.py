"""Gather evidence on a subject, and let every check look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.checks.findings import CheckResult, Finding, conclude
from tamiyo.checks.requirements import REQUIREMENTS
from tamiyo.checks.subjects import observe_host, observe_run, observe_task
from tamiyo.contracts import TamiyoError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from tamiyo.checks.evidence import Evidence

__all__ = ["check_host", "check_run", "check_task"]


def check_run(
    path: Path, *, seed: int = 0, on_progress: Callable[[str], None] = lambda _what: None
) -> tuple[CheckResult, ...]:
    """Check what a run left behind: its record, and of a training its checkpoint as well.

    A training's network plays and learns for two short rounds on what it was trained on; nothing
    of the run is changed.

    Args:
        path: Folder of the run.
        seed: Seed of what is played.
        on_progress: Told what is being done.

    Returns:
        One verdict for every requirement that can be checked, in their order.

    Raises:
        ArtifactError: If there is no run, or its files are damaged.
    """
    return _judge(observe_run(path, seed=seed, on_progress=on_progress))


def check_task(
    task: str, *, seed: int = 0, on_progress: Callable[[str], None] = lambda _what: None
) -> tuple[CheckResult, ...]:
    """Check a task by short episodes on its hosts, and a new controller's first two rounds there.

    Args:
        task: Name of the task.
        seed: Seed of everything that is random.
        on_progress: Told what is being done.

    Returns:
        One verdict for every requirement that can be checked, in their order.

    Raises:
        UnknownNameError: If there is no such task.
    """
    return _judge(observe_task(task, seed=seed, on_progress=on_progress))


def check_host(
    host: nn.Module,
    example: object,
    *,
    name: str,
    seed: int = 0,
    on_progress: Callable[[str], None] = lambda _what: None,
) -> tuple[CheckResult, ...]:
    """Check a host of the user's own: it is grown at random for a few epochs.

    Args:
        host: The host; copies of it are trained.
        example: A batch of inputs, which it is trained on to give outputs that are drawn.
        name: What to call it.
        seed: Seed of everything that is random.
        on_progress: Told what is being done.

    Returns:
        One verdict for every requirement that can be checked, in their order.

    Raises:
        ConfigError: If the host cannot be grown.
    """
    return _judge(observe_host(host, example, name=name, seed=seed, on_progress=on_progress))


def _judge(evidence: Evidence) -> tuple[CheckResult, ...]:
    results = []
    for requirement in REQUIREMENTS:
        if requirement.check is None:
            continue
        try:
            findings = list(requirement.check(evidence))
        except TamiyoError as error:
            findings = [Finding(holds=False, observed=f"could not be looked at: {error}")]
        findings += [
            Finding(holds=False, observed=message)
            for ids, message in evidence.failures
            if requirement.id in ids
        ]
        results.append(
            conclude(requirement.id, requirement.title, findings, reason=evidence.lacking)
        )
    return tuple(results)

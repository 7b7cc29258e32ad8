"""What every controller offers: a name and a legal decision after each epoch."""

from __future__ import annotations

from typing import Protocol

from tamiyo.contracts import HostReport, TamiyoDecision, TrainingSignals, find_refusal

__all__ = ["Controller", "is_legal"]


class Controller(Protocol):
    """Decides for one host, epoch after epoch; a new run or episode needs a new controller."""

    @property
    def name(self) -> str:
        """Name for records and tables."""
        ...

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Choose what to do in the coming epoch.

        Args:
            signals: The course of training so far.
            host: The host and its slots now.

        Returns:
            A decision that is legal for this host report.
        """
        ...


def is_legal(host: HostReport, decision: TamiyoDecision) -> bool:
    """Say whether a decision would be executed rather than refused.

    Args:
        host: The host's report.
        decision: The decision; what its op does not use is ignored.

    Returns:
        True if execution would accept it.

    Raises:
        SlotIdError: If the op needs a slot and the host has none of that id.
    """
    return find_refusal(host, decision.to_command().to_action(host.slot_ids)) is None

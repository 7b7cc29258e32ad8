"""The controller that never acts: the baseline every other one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.contracts import TamiyoDecision

if TYPE_CHECKING:
    from tamiyo.contracts import HostReport, TrainingSignals

__all__ = ["WaitOnly"]


class WaitOnly:
    """Waits in every epoch, so that the host trains as if it had no slots."""

    name = "wait-only"

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Return WAIT.

        Args:
            signals: The course of training so far, for the reason only.
            host: The host and its slots now, for the reason only.
        """
        left = signals.epochs_left
        return TamiyoDecision(reason=f"never acts (epoch {host.epoch}, {left} decisions left)")

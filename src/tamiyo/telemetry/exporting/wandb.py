"""WandbSink: curves for Weights & Biases."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import AlarmRaised
from tamiyo.telemetry.exporting.scalars import ScalarReader

if TYPE_CHECKING:
    from pathlib import Path

    from tamiyo.contracts import Event

__all__ = ["WandbSink"]


class WandbSink:
    """Logs curves as one run; ``WANDB_MODE=offline`` keeps them on this machine.

    Args:
        folder: The run's folder; its name is that of the run, and files go to ``wandb`` in it.
    """

    def __init__(self, folder: Path) -> None:
        wandb: Any = import_module("wandb")
        self._run = wandb.init(project="tamiyo", name=folder.resolve().name, dir=str(folder))
        # Steps of their own, since updates, phases and alarms of one step come one by one.
        self._run.define_metric("*", step_metric="step")
        self._reader = ScalarReader()

    def emit(self, event: Event) -> None:
        """Log the numbers of the event; an alarm is an alert as well."""
        scalars = self._reader.read(event)
        if scalars is not None:
            self._run.log({"step": scalars.step, **scalars.values})
        if isinstance(event, AlarmRaised):
            self._run.alert(title=event.kind.value, text=event.message)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()

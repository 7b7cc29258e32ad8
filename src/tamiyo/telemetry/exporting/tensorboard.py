"""TensorBoardSink: curves for TensorBoard, written without TensorFlow or PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tamiyo.telemetry.exporting.scalars import ScalarReader

if TYPE_CHECKING:
    from pathlib import Path

    from tamiyo.contracts import Event

__all__ = ["TensorBoardSink"]


class TensorBoardSink:
    """Writes curves to a folder that ``tensorboard --logdir`` shows.

    Args:
        folder: The run's folder; the curves go to ``tensorboard`` in it.
    """

    def __init__(self, folder: Path) -> None:
        summary: Any = import_module("tensorboard.summary")
        self._writer = summary.Writer(str(folder / "tensorboard"))
        self._reader = ScalarReader()

    def emit(self, event: Event) -> None:
        """Write the numbers of the event."""
        scalars = self._reader.read(event)
        if scalars is not None:
            for name, value in scalars.values.items():
                self._writer.add_scalar(name, value, scalars.step)
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

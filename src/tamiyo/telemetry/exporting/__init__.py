"""Where events go besides the log: to other programs, behind a queue that never blocks."""

from __future__ import annotations

from tamiyo.telemetry.exporting.exports import EXPORTS, Exports
from tamiyo.telemetry.exporting.queue import ClosableSink, QueuedSink
from tamiyo.telemetry.exporting.scalars import ScalarReader
from tamiyo.telemetry.exporting.tensorboard import TensorBoardSink
from tamiyo.telemetry.exporting.wandb import WandbSink

__all__ = [
    "EXPORTS",
    "ClosableSink",
    "Exports",
    "QueuedSink",
    "ScalarReader",
    "TensorBoardSink",
    "WandbSink",
]

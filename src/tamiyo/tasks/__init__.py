"""What hosts are trained on."""

from __future__ import annotations

from tamiyo.tasks.calibration import (
    CalibrationRow,
    Qualification,
    calibrate_task,
    check_widths,
    judge_task,
)
from tamiyo.tasks.canvas import CanvasConfig, draw_canvases
from tamiyo.tasks.data import CanvasData, ShuffledData, Split, Splits, TaskData, count_batches
from tamiyo.tasks.digits import (
    DIGITS_TRAIN_SIZE,
    DigitsIndices,
    load_digits_splits,
    split_digits_indices,
)
from tamiyo.tasks.hosts import HostRecipe, build_cnn, build_host, list_hosts, widen_recipe
from tamiyo.tasks.registry import Task, get_task, list_tasks

__all__ = [
    "DIGITS_TRAIN_SIZE",
    "CalibrationRow",
    "CanvasConfig",
    "CanvasData",
    "DigitsIndices",
    "HostRecipe",
    "Qualification",
    "ShuffledData",
    "Split",
    "Splits",
    "Task",
    "TaskData",
    "build_cnn",
    "build_host",
    "calibrate_task",
    "check_widths",
    "count_batches",
    "draw_canvases",
    "get_task",
    "judge_task",
    "list_hosts",
    "list_tasks",
    "load_digits_splits",
    "split_digits_indices",
    "widen_recipe",
]

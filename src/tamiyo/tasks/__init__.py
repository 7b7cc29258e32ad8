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
from tamiyo.tasks.data import (
    Batches,
    CanvasData,
    ShuffledData,
    Split,
    Splits,
    TaskData,
    TrainingData,
    count_batches,
)
from tamiyo.tasks.digits import (
    DIGITS_TRAIN_SIZE,
    DigitsIndices,
    load_digits_splits,
    split_digits_indices,
)
from tamiyo.tasks.hosts import (
    CausalAttention,
    HostRecipe,
    LearnedPositions,
    build_cnn,
    build_gpt,
    build_host,
    build_mlp,
    list_hosts,
    read_width,
    widen_recipe,
)
from tamiyo.tasks.objectives import (
    BITS_PER_BYTE,
    CLASSIFICATION,
    IGNORED_CLASS,
    NEXT_BYTE,
    Judgement,
    Objective,
    Units,
    build_objective,
    compute_cross_entropies,
    count_samples,
)
from tamiyo.tasks.registry import Task, get_task, list_tasks
from tamiyo.tasks.spirals import (
    SPIRALS_ARMS,
    SPIRALS_TRAIN_SIZE,
    draw_spirals,
    load_spirals_splits,
)
from tamiyo.tasks.text import TextConfig, TextData, load_text
from tamiyo.tasks.varied import HostConditions, HostDistribution, HostSource, VariedData

__all__ = [
    "BITS_PER_BYTE",
    "CLASSIFICATION",
    "DIGITS_TRAIN_SIZE",
    "IGNORED_CLASS",
    "NEXT_BYTE",
    "SPIRALS_ARMS",
    "SPIRALS_TRAIN_SIZE",
    "Batches",
    "CalibrationRow",
    "CanvasConfig",
    "CanvasData",
    "CausalAttention",
    "DigitsIndices",
    "HostConditions",
    "HostDistribution",
    "HostRecipe",
    "HostSource",
    "Judgement",
    "LearnedPositions",
    "Objective",
    "Qualification",
    "ShuffledData",
    "Split",
    "Splits",
    "Task",
    "TaskData",
    "TextConfig",
    "TextData",
    "TrainingData",
    "Units",
    "VariedData",
    "build_cnn",
    "build_gpt",
    "build_host",
    "build_mlp",
    "build_objective",
    "calibrate_task",
    "check_widths",
    "compute_cross_entropies",
    "count_batches",
    "count_samples",
    "draw_canvases",
    "draw_spirals",
    "get_task",
    "judge_task",
    "list_hosts",
    "list_tasks",
    "load_digits_splits",
    "load_spirals_splits",
    "load_text",
    "read_width",
    "split_digits_indices",
    "widen_recipe",
]

"""Tasks by name: data, host, where seeds may live, and the wider hosts to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from tamiyo.contracts import TaskConfig, UnknownNameError
from tamiyo.tasks.canvas import CanvasConfig
from tamiyo.tasks.data import CanvasData, ShuffledData, TaskData, count_batches
from tamiyo.tasks.digits import DIGITS_TRAIN_SIZE, load_digits_splits
from tamiyo.tasks.hosts.recipes import HostRecipe, widen_recipe

__all__ = ["Task", "get_task", "list_tasks"]

# 897 = 13 * 69. With 64 every epoch ends in a batch of one image, and Adam's step on it undoes
# much of the others': the canvas host reaches 21 % instead of 48 % (2 seeds, 60 epochs).
_DIGITS_BATCH_SIZE = 69


@dataclass(frozen=True, kw_only=True)
class Task:
    """Everything a run needs to know about what it grows a network for.

    Attributes:
        config: Ranges, epochs and sizes.
        summary: What the task is, one line.
        host: The network growth starts from.
        slots: Slot id to module path in the host, in the order data flows through them.
        family: Hosts of the same kind from narrow to wide, ``host`` first.
        load_data: Loads the data onto the CPU.
    """

    config: TaskConfig
    summary: str
    host: HostRecipe
    slots: Mapping[str, str]
    family: tuple[HostRecipe, ...]
    load_data: Callable[[], TaskData]


def get_task(name: str) -> Task:
    """Return the task of this name.

    Raises:
        UnknownNameError: If there is none.

    >>> get_task("digits-cnn").slots["r0c2"]
    'pool'
    """
    if name not in _TASKS:
        raise UnknownNameError("task", name, list(list_tasks()))
    return _TASKS[name]


def list_tasks() -> tuple[str, ...]:
    """Return the names of all tasks, sorted."""
    return tuple(sorted(_TASKS))


def _build_digits_cnn() -> Task:
    """The host is too narrow for 8x8 digits; which seed it needs, and where, is the question."""
    return _build_task(
        _build_config("digits-cnn", rent_points=2.0),
        "8x8 handwritten digits with a two-block CNN that is too narrow for them",
        widths=(2, 3, 4, 6, 8, 12),
        load_data=_load_digits,
    )


def _build_digits_canvas() -> Task:
    """No two epochs show the same canvas, so what is measured is capacity and not memory."""
    canvas = CanvasConfig(canvas_size=12, clutter_patches=1, patch_size=4, canvases_per_digit=3)
    return _build_task(
        _build_config("digits-canvas", rent_points=3.0),
        "digits anywhere on cluttered 12x12 canvases, drawn afresh every epoch",
        widths=(6, 8, 10, 14, 20, 28),
        load_data=partial(_load_canvases, canvas),
    )


def _build_config(name: str, *, rent_points: float) -> TaskConfig:
    return TaskConfig(
        name=name,
        num_classes=10,
        initial_loss=math.log(10),
        target_loss=0.1,
        max_epochs=60,
        closing_epochs=10,
        batches_per_epoch=count_batches(DIGITS_TRAIN_SIZE, _DIGITS_BATCH_SIZE),
        batch_size=_DIGITS_BATCH_SIZE,
        learning_rate=2e-2,
        final_learning_rate_fraction=0.1,
        rent_points=rent_points,
    )


def _build_task(
    config: TaskConfig, summary: str, *, widths: tuple[int, ...], load_data: Callable[[], TaskData]
) -> Task:
    """Put a two-block CNN of the first width under the task, a slot behind each of its parts."""
    host = HostRecipe(
        name="cnn",
        arguments={
            "channels": widths[0],
            "blocks": 2,
            "num_classes": config.num_classes,
            "normalization": "group",
            "pool_size": 2,
            "pooled_blocks": 1,
        },
    )
    return Task(
        config=config,
        summary=summary,
        host=host,
        slots=MappingProxyType({"r0c0": "block1", "r0c1": "block2", "r0c2": "pool"}),
        family=tuple(widen_recipe(host, channels) for channels in widths),
        load_data=load_data,
    )


def _load_digits() -> ShuffledData:
    return ShuffledData(load_digits_splits(), batch_size=_DIGITS_BATCH_SIZE)


def _load_canvases(canvas: CanvasConfig) -> CanvasData:
    return CanvasData(load_digits_splits(), canvas, batch_size=_DIGITS_BATCH_SIZE)


_TASKS: Mapping[str, Task] = MappingProxyType(
    {task.config.name: task for task in (_build_digits_cnn(), _build_digits_canvas())}
)

"""Tasks by name: data, host, where seeds may live, and the wider hosts to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from tamiyo.contracts import ACCURACY, ConfigError, MetricScale, TaskConfig, UnknownNameError
from tamiyo.tasks.canvas import CanvasConfig
from tamiyo.tasks.data import CanvasData, ShuffledData, TaskData, TrainingData, count_batches
from tamiyo.tasks.digits import DIGITS_TRAIN_SIZE, load_digits_splits
from tamiyo.tasks.hosts.recipes import HostRecipe, widen_recipe
from tamiyo.tasks.objectives import BITS_PER_BYTE
from tamiyo.tasks.spirals import SPIRALS_ARMS, SPIRALS_TRAIN_SIZE, load_spirals_splits
from tamiyo.tasks.text import TextConfig, TextData, load_text
from tamiyo.tasks.varied import HostConditions, HostDistribution, HostSource, VariedData

__all__ = ["Task", "get_task", "list_tasks"]

# 897 = 13 * 69. With 64 every epoch ends in a batch of one image, and Adam's step on it undoes
# much of the others': the canvas host reaches 21 % instead of 48 % (2 seeds, 60 epochs).
_DIGITS_BATCH_SIZE = 69
_DIGITS_CLASSES = 10
_SPIRALS_BATCH_SIZE = 60
_TEXT_BATCH_SIZE = 16
_TEXT_CONFIG = TextConfig(context=64, windows_per_epoch=1600, held_out_windows=256)
_BYTE_VALUES = 256


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
        distribution: Other hosts that an episode may draw; ``None`` if the task has one host only.
    """

    config: TaskConfig
    summary: str
    host: HostRecipe
    slots: Mapping[str, str]
    family: tuple[HostRecipe, ...]
    load_data: Callable[[], TaskData]
    distribution: HostDistribution | None = None

    def find_host(self, data: TaskData, source: HostSource, seed: int) -> tuple[Task, TrainingData]:
        """Return the task and the data of one run.

        Args:
            data: The task's data.
            source: Where its host comes from.
            seed: Seed of the run.

        Raises:
            ConfigError: If hosts are to be drawn and the task has no others.
        """
        if source == HostSource.FIXED:
            return self, data
        if self.distribution is None:
            message = f"hosts must be {HostSource.FIXED} on task {self.config.name}, got {source}"
            raise ConfigError(message)
        conditions = self.distribution.get(self.distribution.draw(source, seed))
        return self.apply_conditions(data, conditions, seed)

    def apply_conditions(
        self, data: TaskData, conditions: HostConditions, seed: int
    ) -> tuple[Task, TrainingData]:
        """Return the task with another host, and what that host learns from.

        Args:
            data: The task's data.
            conditions: What the host is to be like.
            seed: Seed of the run; it decides which samples the host gets.

        Raises:
            ConfigError: If the task's samples are not fixed, or there are too few of them.
        """
        if not isinstance(data, ShuffledData):
            message = f"samples of task {self.config.name} must be fixed, got {type(data).__name__}"
            raise ConfigError(message)
        config = replace(self.config, learning_rate=conditions.learning_rate)
        task = replace(self, host=conditions.host, config=config)
        return task, VariedData(data, conditions, seed=seed)


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
    task = _build_cnn_task(
        _build_digits_config("digits-cnn", learning_rate=2e-2, rent_points=2.0),
        "8x8 handwritten digits with a two-block CNN that is too narrow for them",
        widths=(2, 3, 4, 6, 8, 12),
        load_data=_load_digits,
    )
    return replace(task, distribution=_vary_digits(task))


def _vary_digits(task: Task) -> HostDistribution:
    """Hosts that want opposite things: clean data pay for growth, noisy ones punish it.

    A single channel is too few, and without a normalizer the host is badly conditioned: seeds
    repair both. With 200 samples, a third of them mislabeled, whatever grows learns wrong labels.
    """

    def describe(channels: int, normalization: str, samples: int, noise: float) -> HostConditions:
        recipe = widen_recipe(task.host, channels)
        return HostConditions(
            host=replace(recipe, arguments={**recipe.arguments, "normalization": normalization}),
            learning_rate=2e-2,
            train_samples=samples,
            label_noise=noise,
        )

    return HostDistribution(
        varied={
            "single": describe(1, "group", DIGITS_TRAIN_SIZE, 0.0),
            "narrow": describe(2, "group", DIGITS_TRAIN_SIZE, 0.0),
            "narrow, noisy": describe(2, "group", 200, 0.3),
            "plain": describe(2, "none", DIGITS_TRAIN_SIZE, 0.0),
            "plain, noisy": describe(2, "none", 200, 0.3),
        },
        held_out={
            "single, noisy": describe(1, "group", 200, 0.3),
            "wider": describe(3, "group", 600, 0.0),
            "wider, noisy": describe(3, "group", 250, 0.4),
            "wider, plain": describe(3, "none", 600, 0.0),
            "wider, plain, noisy": describe(3, "none", 150, 0.25),
        },
    )


def _build_digits_canvas() -> Task:
    """No two epochs show the same canvas, so what is measured is capacity and not memory."""
    canvas = CanvasConfig(canvas_size=12, clutter_patches=1, patch_size=4, canvases_per_digit=3)
    return _build_cnn_task(
        _build_digits_config("digits-canvas", learning_rate=2e-2, rent_points=3.0),
        "digits anywhere on cluttered 12x12 canvases, drawn afresh every epoch",
        widths=(6, 8, 10, 14, 20, 28),
        load_data=partial(_load_canvases, canvas),
    )


def _build_digits_mlp() -> Task:
    """What is hard about it is all in the width: 64 pixels have to pass through 5 features."""
    config = _build_digits_config("digits-mlp", learning_rate=1e-2, rent_points=2.0)
    return _build_task(
        config,
        "8x8 handwritten digits with a two-block MLP that is too narrow for them",
        host=_build_mlp(inputs=64, outputs=_DIGITS_CLASSES, width=5),
        slots=("block1", "block2"),
        widths=(5, 6, 8, 12, 17, 26),
        load_data=_load_digits,
    )


def _build_spirals() -> Task:
    """Two inputs only, so nearly all parameters of a network are there to bend the plane."""
    config = _build_config(
        "spirals",
        classes=SPIRALS_ARMS,
        target_loss=0.1,
        epoch=(SPIRALS_TRAIN_SIZE, _SPIRALS_BATCH_SIZE),
        learning_rate=2e-2,
        rent_points=2.0,
    )
    return _build_task(
        config,
        "three interleaved noisy spirals in the plane with a two-block MLP that is too narrow",
        host=_build_mlp(inputs=2, outputs=SPIRALS_ARMS, width=5),
        slots=("block1", "block2"),
        widths=(5, 6, 8, 10, 13, 20),
        load_data=_load_spirals,
    )


def _build_stdlib_text() -> Task:
    """Text that is always there; scores from different Python versions do not compare."""
    config = _build_config(
        "stdlib-text",
        classes=_BYTE_VALUES,
        target_loss=1.4,
        epoch=(_TEXT_CONFIG.windows_per_epoch, _TEXT_BATCH_SIZE),
        learning_rate=1e-2,
        rent_points=4.0,
        metric=BITS_PER_BYTE,
    )
    host = HostRecipe(
        name="gpt",
        arguments={
            "head_width": 4,
            "heads": 2,
            "blocks": 2,
            "context": _TEXT_CONFIG.context,
            "vocabulary": _BYTE_VALUES,
        },
    )
    return _build_task(
        config,
        "next byte of this Python version's help topics with a two-block GPT that is too narrow",
        host=host,
        slots=("block1", "block2"),
        widths=(4, 7, 11, 16),
        load_data=_load_text,
    )


def _build_digits_config(name: str, *, learning_rate: float, rent_points: float) -> TaskConfig:
    return _build_config(
        name,
        classes=_DIGITS_CLASSES,
        target_loss=0.1,
        epoch=(DIGITS_TRAIN_SIZE, _DIGITS_BATCH_SIZE),
        learning_rate=learning_rate,
        rent_points=rent_points,
    )


def _build_config(
    name: str,
    *,
    classes: int,
    target_loss: float,
    epoch: tuple[int, int],
    learning_rate: float,
    rent_points: float,
    metric: MetricScale = ACCURACY,
) -> TaskConfig:
    """Fill in what all tasks share; ``epoch`` is the samples of an epoch and those of a batch."""
    return TaskConfig(
        name=name,
        num_classes=classes,
        initial_loss=math.log(classes),
        target_loss=target_loss,
        max_epochs=60,
        closing_epochs=10,
        batches_per_epoch=count_batches(*epoch),
        batch_size=epoch[1],
        learning_rate=learning_rate,
        final_learning_rate_fraction=0.1,
        rent_points=rent_points,
        metric=metric,
    )


def _build_cnn_task(
    config: TaskConfig, summary: str, *, widths: tuple[int, ...], load_data: Callable[[], TaskData]
) -> Task:
    """Put a two-block CNN of the first width under the task."""
    host = HostRecipe(
        name="cnn",
        arguments={
            "channels": widths[0],
            "blocks": 2,
            "num_classes": _DIGITS_CLASSES,
            "normalization": "group",
            "pool_size": 2,
            "pooled_blocks": 1,
        },
    )
    slots = ("block1", "block2", "pool")
    return _build_task(config, summary, host=host, slots=slots, widths=widths, load_data=load_data)


def _build_mlp(*, inputs: int, outputs: int, width: int) -> HostRecipe:
    """Describe a two-block MLP."""
    arguments = {"width": width, "blocks": 2, "inputs": inputs, "outputs": outputs}
    return HostRecipe(name="mlp", arguments=arguments)


def _build_task(
    config: TaskConfig,
    summary: str,
    *,
    host: HostRecipe,
    slots: tuple[str, ...],
    widths: tuple[int, ...],
    load_data: Callable[[], TaskData],
) -> Task:
    """Put slots, in the order data flows, behind stages of the host; ``widths`` are its family."""
    return Task(
        config=config,
        summary=summary,
        host=host,
        slots=MappingProxyType({f"r0c{index}": path for index, path in enumerate(slots)}),
        family=tuple(widen_recipe(host, width) for width in widths),
        load_data=load_data,
    )


def _load_digits() -> ShuffledData:
    return ShuffledData(load_digits_splits(), batch_size=_DIGITS_BATCH_SIZE)


def _load_canvases(canvas: CanvasConfig) -> CanvasData:
    return CanvasData(load_digits_splits(), canvas, batch_size=_DIGITS_BATCH_SIZE)


def _load_spirals() -> ShuffledData:
    return ShuffledData(load_spirals_splits(), batch_size=_SPIRALS_BATCH_SIZE)


def _load_text() -> TextData:
    return TextData(load_text(), _TEXT_CONFIG, batch_size=_TEXT_BATCH_SIZE)


_TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.config.name: task
        for task in (
            _build_digits_cnn(),
            _build_digits_canvas(),
            _build_digits_mlp(),
            _build_spirals(),
            _build_stdlib_text(),
        )
    }
)

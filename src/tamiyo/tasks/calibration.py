"""Train the bare hosts of a task at several widths and judge whether it leaves room to grow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING

import torch
from torch import nn

from tamiyo.contracts import ConfigError, MetricScale, TaskConfig, derive_seed
from tamiyo.tasks.hosts.recipes import HostRecipe, build_host, read_width, widen_recipe
from tamiyo.tasks.objectives import Units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tamiyo.tasks.data import TaskData
    from tamiyo.tasks.registry import Task

__all__ = ["CalibrationRow", "Qualification", "calibrate_task", "check_widths", "judge_task"]

_WANTED_RATIO = 4.0
_RATIO_RANGE = (3.0, 5.5)
_REQUIRED_POINTS = 5.0
_FEWEST_SLOPE_EPOCHS = 2


@dataclass(frozen=True, kw_only=True)
class CalibrationRow:
    """One bare host trained once.

    Attributes:
        recipe: What was built.
        seed: Seed of its initialization and its data order.
        parameters: Its trainable parameters.
        control_accuracy: Points on the control split after each epoch.
        closing_epochs: Epochs at the end in which the learning rate fell.
    """

    recipe: HostRecipe
    seed: int
    parameters: int
    control_accuracy: tuple[float, ...]
    closing_epochs: int

    @property
    def final_accuracy(self) -> float:
        """Points on the control split after the last epoch."""
        return self.control_accuracy[-1]

    @property
    def plateau_slope(self) -> float:
        """Least-squares slope over a quarter of the run before the rate falls, points per epoch.

        At least two epochs; ``nan`` when there are fewer at the full rate.
        """
        quarter = max(_FEWEST_SLOPE_EPOCHS, len(self.control_accuracy) // 4)
        steady = self.control_accuracy[: len(self.control_accuracy) - self.closing_epochs]
        values = steady[-quarter:]
        if len(values) < _FEWEST_SLOPE_EPOCHS:
            return math.nan
        return linear_regression(range(len(values)), values).slope


@dataclass(frozen=True, kw_only=True)
class Qualification:
    """Whether a network of about four times the parameters is clearly better than the host.

    Attributes:
        host_parameters: Trainable parameters of the host.
        wide_parameters: The same of the wider network it is compared with.
        host_accuracy: Final points of the host on control, mean over seeds.
        wide_accuracy: The same of the wider network.
        host_slope: Plateau slope of the host, points per epoch, mean over seeds; near 0 is flat.
        wide_slope: The same of the wider network.
        required_points: Gain the rule asks for, points.
    """

    host_parameters: int
    wide_parameters: int
    host_accuracy: float
    wide_accuracy: float
    host_slope: float
    wide_slope: float
    required_points: float

    @property
    def gain_points(self) -> float:
        """Points of the wider network minus the host's."""
        return self.wide_accuracy - self.host_accuracy

    @property
    def is_qualified(self) -> bool:
        """Whether the gain is as large as the rule asks for; the slopes are reported beside it."""
        return self.gain_points >= self.required_points


def calibrate_task(
    task: Task,
    *,
    seeds: Sequence[int],
    widths: Sequence[int] | None = None,
    epochs: int | None = None,
    progress: Callable[[CalibrationRow], None],
) -> list[CalibrationRow]:
    """Train bare hosts with Adam under the task's learning rates.

    Args:
        task: The task.
        seeds: One host of each width is trained for each seed.
        widths: Widths of the host, see :func:`read_width`; ``None`` trains the task's own family.
        epochs: Epochs, the closing ones included; ``None`` takes the task's.
        progress: Called with each row as soon as it is there.

    Returns:
        One row per width and seed, width by width.

    Raises:
        ConfigError: If ``epochs`` leaves none before the closing epochs, or a width does not fit.
    """
    config = task.config if epochs is None else replace(task.config, max_epochs=epochs)
    recipes = task.family
    if widths is not None:
        recipes = tuple(widen_recipe(task.host, width) for width in widths)
    data = task.load_data()
    rows: list[CalibrationRow] = []
    for recipe in recipes:
        for seed in seeds:
            row = _train_host(recipe, config, data, seed)
            rows.append(row)
            progress(row)
    return rows


def check_widths(task: Task, widths: Sequence[int]) -> None:
    """Refuse widths that no verdict can be found from, before anything is trained.

    Args:
        task: The task.
        widths: Widths of the host, see :func:`read_width`.

    Raises:
        ConfigError: If the host's own width is missing, or one of 3 to 5.5 times its parameters.
    """
    with torch.device("meta"):
        hosts = {width: build_host(widen_recipe(task.host, width)) for width in widths}
    sizes = {width: sum(p.numel() for p in host.parameters()) for width, host in hosts.items()}
    _find_compared(task, sizes)


def judge_task(task: Task, rows: Sequence[CalibrationRow]) -> Qualification:
    """Compare the host with the network nearest to four times its parameters.

    Args:
        task: The task.
        rows: What ``calibrate_task`` returned for it.

    Returns:
        Both sides of the comparison and the verdict.

    Raises:
        ConfigError: If the rows lack the host, or a network of 3 to 5.5 times its parameters.
    """
    hosts = [row for row in rows if row.recipe == task.host]
    sizes = {read_width(row.recipe): row.parameters for row in rows}
    size, wide = _find_compared(task, sizes)
    wides = [row for row in rows if row.parameters == wide]
    return Qualification(
        host_parameters=size,
        wide_parameters=wide,
        host_accuracy=fmean(row.final_accuracy for row in hosts),
        wide_accuracy=fmean(row.final_accuracy for row in wides),
        host_slope=fmean(row.plateau_slope for row in hosts),
        wide_slope=fmean(row.plateau_slope for row in wides),
        required_points=_REQUIRED_POINTS,
    )


def _find_compared(task: Task, sizes: Mapping[int, int]) -> tuple[int, int]:
    """Find the sizes of the host and of the network nearest to four times it, by width.

    Raises:
        ConfigError: If there is no such size.
    """
    own = read_width(task.host)
    if own not in sizes:
        message = f"widths must include the host's own {own}, got {', '.join(map(str, sizes))}"
        raise ConfigError(message)
    size = sizes[own]
    wide = min(sizes.values(), key=lambda wide: abs(math.log(wide / (_WANTED_RATIO * size))))
    lowest, highest = _RATIO_RANGE
    if not lowest <= wide / size <= highest:
        message = (
            f"widths must include one of {lowest:g} to {highest:g} times the host's {size} "
            f"parameters, got at nearest {wide}"
        )
        raise ConfigError(message)
    return size, wide


def _train_host(
    recipe: HostRecipe, config: TaskConfig, data: TaskData, seed: int
) -> CalibrationRow:
    host = _build_seeded_host(recipe, derive_seed(seed, 0, "initialization"))
    order = torch.Generator().manual_seed(derive_seed(seed, 0, "data"))
    optimizer = torch.optim.Adam(host.parameters(), lr=config.learning_rate_at(1))
    accuracies: list[float] = []
    for epoch in range(1, config.max_epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate_at(epoch)
        for inputs, targets in data.train_batches(order):
            optimizer.zero_grad()
            data.objective.loss(host(inputs), targets).backward()
            optimizer.step()
        accuracies.append(_measure_points(host, data, config.metric))
    return CalibrationRow(
        recipe=recipe,
        seed=seed,
        parameters=sum(p.numel() for p in host.parameters() if p.requires_grad),
        control_accuracy=tuple(accuracies),
        closing_epochs=config.closing_epochs,
    )


def _build_seeded_host(recipe: HostRecipe, seed: int) -> nn.Module:
    """Build a host from its own seed and leave the global generator as it was."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(generator.get_state())
        return build_host(recipe)


def _measure_points(host: nn.Module, data: TaskData, metric: MetricScale) -> float:
    host.eval()
    with torch.no_grad():
        values = [data.objective.compute_values(host(x), y) for x, y in data.control]
    host.train()
    return metric.to_points(Units.join(values).mean)

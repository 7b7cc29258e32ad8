"""CourseTracker: what is known after an epoch, in many environments at once.

The rules are those of :class:`~tamiyo.controller.SignalTracker`, on arrays whose first axis is the
environment; a test feeds both the same curves. Losses are finite here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tamiyo.controller import MEDIAN_BEND
from tamiyo.observation import HISTORY_EPOCHS, CourseArrays

if TYPE_CHECKING:
    from tamiyo.controller import TrackerConfig
    from tamiyo.environment.surrogate.curves import Measurement

__all__ = ["CourseTracker", "LossArrays"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MEASURED = ("train_loss", "train_accuracy", "control_loss", "control_accuracy")


@dataclass(kw_only=True)
class LossArrays:
    """How the control loss goes; windows are right-aligned, oldest first, NaN where nothing was.

    Attributes:
        initial: The first loss, ``[N]``.
        window: The latest losses, from which their noise is told, ``[N, noise window + 2]``.
        smoothed: The latest values of the average, ``[N, plateau window + 1]``.
        weight: Share of the average's weight that lies on losses so far, ``[N]``.
        noise: Standard deviation of the loss around its course; NaN until known, ``[N]``.
        stable_epochs: Stable epochs in a row, ``[N]``.
        is_stabilized: The latch, ``[N]``.
    """

    initial: Floats
    window: Floats
    smoothed: Floats
    weight: Floats
    noise: Floats
    stable_epochs: Ints
    is_stabilized: Bools


class CourseTracker:
    """Follows the episodes of all environments; every array is changed in place.

    Attributes:
        course: What observations are made of.
        losses: What else is known of the control losses.

    Args:
        num_envs: Environments, N.
        config: How the course is read.
        batches_per_epoch: Optimizer steps of an epoch.
    """

    def __init__(self, num_envs: int, config: TrackerConfig, *, batches_per_epoch: int) -> None:
        self._config = config
        self._batches = batches_per_epoch
        counts: dict[str, NDArray[Any]] = {
            name: np.zeros(num_envs, np.int64)
            for name in ("epoch", "global_step", "plateau_epochs")
        }
        numbers: dict[str, NDArray[Any]] = {
            name: np.full(num_envs, np.nan)
            for name in ("loss_delta", "accuracy_delta", "best_accuracy", "best_loss", *_MEASURED)
        }
        self.course = CourseArrays(
            **counts,
            **numbers,
            loss_history=np.full((num_envs, HISTORY_EPOCHS), np.nan),
            accuracy_history=np.full((num_envs, HISTORY_EPOCHS), np.nan),
        )
        self.losses = LossArrays(
            initial=np.full(num_envs, np.nan),
            window=np.full((num_envs, config.noise_window + 2), np.nan),
            smoothed=np.full((num_envs, config.plateau_window + 1), np.nan),
            weight=np.zeros(num_envs),
            noise=np.full(num_envs, np.nan),
            stable_epochs=np.zeros(num_envs, np.int64),
            is_stabilized=np.zeros(num_envs, np.bool_),
        )

    def begin(self, environments: Bools, measured: Measurement) -> None:
        """Start over with the validation before training.

        Args:
            environments: Which ones start over, ``[N]``.
            measured: What that validation measured.
        """
        at, course, losses, config = environments, self.course, self.losses, self._config
        for name in ("epoch", "global_step", "plateau_epochs"):
            getattr(course, name)[at] = 0
        for name in _MEASURED:
            getattr(course, name)[at] = getattr(measured, name)[at]
        course.loss_delta[at] = course.accuracy_delta[at] = np.nan
        accuracy, loss = measured.control_accuracy[at], measured.control_loss[at]
        course.best_accuracy[at], course.best_loss[at] = accuracy, loss
        histories = (course.loss_history, course.accuracy_history, losses.window, losses.smoothed)
        for history, first in zip(histories, (loss, accuracy, loss, loss), strict=True):
            history[at] = np.nan
            history[at, -1] = first
        losses.initial[at] = loss
        losses.weight[at] = 1 - config.smoothing
        losses.noise[at] = np.nan
        losses.stable_epochs[at] = 0
        losses.is_stabilized[at] = (
            config.stabilization_epochs == config.min_stabilization_epoch == 0
        )

    def update(self, measured: Measurement) -> None:
        """Take in what one more epoch measured in every environment.

        Args:
            measured: What the epoch measured.
        """
        course, losses, config = self.course, self.losses, self._config
        accuracy, loss = measured.control_accuracy, measured.control_loss
        course.epoch += 1
        course.global_step[...] = course.epoch * self._batches
        np.subtract(course.control_loss, loss, out=course.loss_delta)
        np.subtract(accuracy, course.control_accuracy, out=course.accuracy_delta)
        for name in _MEASURED:
            getattr(course, name)[...] = getattr(measured, name)
        np.maximum(course.best_accuracy, accuracy, out=course.best_accuracy)
        np.minimum(course.best_loss, loss, out=course.best_loss)
        _append(course.loss_history, loss)
        _append(course.accuracy_history, accuracy)
        self._follow(loss)
        course.plateau_epochs[...] = (course.plateau_epochs + 1) * self._is_flat()
        losses.stable_epochs[...] = (losses.stable_epochs + 1) * self._is_stable()
        losses.is_stabilized |= (course.epoch >= config.min_stabilization_epoch) & (
            losses.stable_epochs >= config.stabilization_epochs
        )

    def _follow(self, loss: Floats) -> None:
        losses, keep = self.losses, self._config.smoothing
        losses.weight[...] = keep * losses.weight + (1 - keep)
        before = losses.smoothed[:, -1]
        _append(losses.smoothed, before + (1 - keep) / losses.weight * (loss - before))
        _append(losses.window, loss)
        losses.noise[...] = _compute_noise(losses.window)

    def _is_flat(self) -> Bools:
        """Say whether the smoothed loss made no progress beyond its noise over the window."""
        config, losses = self._config, self.losses
        error = losses.noise * config.difference_error(config.plateau_window)
        progress = losses.smoothed[:, 0] - losses.smoothed[:, -1]
        flat: Bools = progress <= config.plateau_noise * error
        return flat

    def _is_stable(self) -> Bools:
        """Say whether the descent is over: well below the start, neither steep nor rising."""
        config, losses = self._config, self.losses
        before, now = losses.smoothed[:, -2], losses.smoothed[:, -1]
        fall = before - now
        noise = np.nan_to_num(losses.noise)
        tolerance = config.rise_noise * noise * config.difference_error(1)
        has_descended = now <= (1 - config.min_descent_fraction) * losses.initial
        is_steep = (fall > 0) & (fall >= config.stabilization_threshold * before)
        stable: Bools = has_descended & ~is_steep & (fall >= -tolerance)
        return stable


def _append(history: Floats, latest: Floats) -> None:
    history[:, :-1] = history[:, 1:]
    history[:, -1] = latest


def _compute_noise(losses: Floats) -> Floats:
    """Estimate the noise of losses from the median of their second differences, ``[N]``."""
    bends = np.sort(np.abs(losses[:, :-2] - 2 * losses[:, 1:-1] + losses[:, 2:]), axis=1)
    known = (~np.isnan(bends)).sum(1)  # NaN stands last
    rows = np.arange(len(bends))
    median = (bends[rows, (known - 1) // 2] + bends[rows, known // 2]) / 2
    noise: Floats = median / MEDIAN_BEND
    return noise

"""What is known after an epoch: smoothed loss, its noise, plateaus and the stabilization latch.

The average is exponential with the bias correction of Adam (Kingma and Ba 2015, section 3).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ConfigError, InvariantError, TrainingSignals, check_at_least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import EpochReport

__all__ = ["MEDIAN_BEND", "SignalTracker", "TrackerConfig"]

_HISTORY_EPOCHS: Final = 5

MEDIAN_BEND: Final = 0.6745 * math.sqrt(6)
"""Median absolute second difference of independent normal numbers of variance 1.

The median of |z| for a standard normal z is 0.6745, and a second difference has variance 6.
"""


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """How the course of the control loss is read.

    Attributes:
        smoothing: Share of the average that an epoch keeps, in [0, 1); 0 does not smooth.
        noise_window: Latest second differences of the loss that tell its noise, at least 1.
        plateau_window: Epochs over which progress is judged, at least 1.
        plateau_noise: Standard errors by which the smoothed loss must fall over that window.
        min_stabilization_epoch: Completed epochs before which the latch stays open.
        stabilization_epochs: Stable epochs in a row that close it; 0 closes it at that epoch.
        stabilization_threshold: Relative fall of the smoothed loss per epoch that still is steep.
        min_descent_fraction: Share of the first loss it must have lost before it can be stable,
            in [0, 1): a host that has not begun to learn is flat too.
        rise_noise: Standard errors by which the smoothed loss may rise and still be stable.
    """

    smoothing: float = 0.5
    noise_window: int = 9
    plateau_window: int = 3
    plateau_noise: float = 2.0
    min_stabilization_epoch: int = 5
    stabilization_epochs: int = 2
    stabilization_threshold: float = 0.1
    min_descent_fraction: float = 0.2
    rise_noise: float = 2.0

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number is outside its range.
        """
        for name in ("smoothing", "min_descent_fraction"):
            if not 0 <= getattr(self, name) < 1:
                message = f"{name} must be in [0, 1), got {getattr(self, name)}"
                raise ConfigError(message)
        smallest = {
            "noise_window": 1,
            "plateau_window": 1,
            "plateau_noise": 0,
            "min_stabilization_epoch": 0,
            "stabilization_epochs": 0,
            "stabilization_threshold": 0,
            "rise_noise": 0,
        }
        check_at_least(self, smallest)

    def difference_error(self, epochs: int) -> float:
        """Standard error of the average's change over so many epochs, in units of the loss noise.

        The average has variance (1 - b) / (1 + b); two of them k epochs apart are correlated by
        b**k.
        """
        variance = (1 - self.smoothing) / (1 + self.smoothing)
        return math.sqrt(2 * variance * (1 - self.smoothing**epochs))


class SignalTracker:
    """Follows one run or episode; a new one starts over.

    It is a function of the reports it was given: feeding them again rebuilds it exactly. An epoch
    whose control loss is not finite is neither flat nor stable, and its loss enters no average,
    history or best.

    Args:
        config: How the course is read.
        decision_epochs: Epochs of the run in which a controller decides.
    """

    def __init__(self, config: TrackerConfig | None = None, *, decision_epochs: int) -> None:
        config = config or TrackerConfig()
        self._config = config
        self._decision_epochs = decision_epochs
        self._initial_loss = math.nan
        self._weight = 0.0
        self._losses: deque[float] = deque(maxlen=max(config.noise_window + 2, _HISTORY_EPOCHS))
        self._accuracies: deque[float] = deque(maxlen=_HISTORY_EPOCHS)
        self._smoothed: deque[float] = deque(maxlen=config.plateau_window + 1)
        self._plateau_epochs = 0
        self._stable_epochs = 0
        self._is_stabilized = False
        self._just_stabilized = False
        self._signals: TrainingSignals | None = None

    @property
    def just_stabilized(self) -> bool:
        """True after the one update that closed the stabilization latch."""
        return self._just_stabilized

    def peek(self) -> TrainingSignals:
        """Return the signals of the last update once more.

        Raises:
            InvariantError: If there was no update.
        """
        if self._signals is None:
            message = "peek must follow an update, got no report so far"
            raise InvariantError(message)
        return self._signals

    def update(self, report: EpochReport) -> TrainingSignals:
        """Take in the report of one more epoch.

        Args:
            report: What the epoch measured; the first one may be epoch 0, before training.

        Returns:
            What is known now.

        Raises:
            InvariantError: If the epoch does not come after the last one, or the first loss is not
                finite.
        """
        if self._signals is not None and report.epoch <= self._signals.epoch:
            message = f"epoch must be more than {self._signals.epoch}, got {report.epoch}"
            raise InvariantError(message)
        is_measured = math.isfinite(report.control_loss)
        if not self._losses and not is_measured:
            message = f"first control_loss must be finite, got {report.control_loss}"
            raise InvariantError(message)
        self._accuracies.append(report.control_accuracy)
        if is_measured:
            self._follow(report.control_loss)
        self._plateau_epochs = self._plateau_epochs + 1 if is_measured and self._is_flat() else 0
        self._stable_epochs = self._stable_epochs + 1 if is_measured and self._is_stable() else 0
        self._latch(report.epoch)
        self._signals = self._build_signals(report, self._signals)
        return self._signals

    def _follow(self, loss: float) -> None:
        if not self._losses:
            self._initial_loss = loss
        keep = self._config.smoothing
        self._weight = keep * self._weight + (1 - keep)
        before = self._smoothed[-1] if self._smoothed else loss
        self._smoothed.append(before + (1 - keep) / self._weight * (loss - before))
        self._losses.append(loss)

    def _is_flat(self) -> bool:
        """Say whether the smoothed loss made no progress beyond its noise over the window."""
        noise = self._noise()
        window = self._config.plateau_window
        if noise is None or len(self._smoothed) <= window:
            return False
        error = noise * self._config.difference_error(window)
        return self._smoothed[0] - self._smoothed[-1] <= self._config.plateau_noise * error

    def _is_stable(self) -> bool:
        """Say whether the descent is over: well below the start, neither steep nor rising."""
        config = self._config
        if not len(self._smoothed) > 1:
            return False
        before, now = self._smoothed[-2], self._smoothed[-1]
        fall = before - now
        tolerance = config.rise_noise * (self._noise() or 0.0) * config.difference_error(1)
        has_descended = now <= (1 - config.min_descent_fraction) * self._initial_loss
        is_steep = fall > 0 and fall >= config.stabilization_threshold * before
        return has_descended and not is_steep and fall >= -tolerance

    def _latch(self, epoch: int) -> None:
        was_stabilized = self._is_stabilized
        config = self._config
        due = epoch >= config.min_stabilization_epoch
        self._is_stabilized |= due and self._stable_epochs >= config.stabilization_epochs
        self._just_stabilized = self._is_stabilized and not was_stabilized

    def _noise(self) -> float | None:
        return _compute_noise(list(self._losses)[-(self._config.noise_window + 2) :])

    def _build_signals(
        self, report: EpochReport, previous: TrainingSignals | None
    ) -> TrainingSignals:
        loss_delta = None if previous is None else previous.control_loss - report.control_loss
        accuracy, loss = report.control_accuracy, report.control_loss
        return TrainingSignals(
            epoch=report.epoch,
            epochs_left=max(0, self._decision_epochs - report.epoch),
            global_step=report.global_step,
            train_loss=report.train_loss,
            control_loss=loss,
            control_accuracy=accuracy,
            loss_delta=loss_delta if loss_delta is None or math.isfinite(loss_delta) else None,
            accuracy_delta=None if previous is None else accuracy - previous.control_accuracy,
            smoothed_loss=self._smoothed[-1],
            loss_noise=self._noise(),
            plateau_epochs=self._plateau_epochs,
            is_stabilized=self._is_stabilized,
            best_accuracy=accuracy if previous is None else max(previous.best_accuracy, accuracy),
            best_loss=self._best_loss(loss, previous),
            loss_history=tuple(self._losses)[-_HISTORY_EPOCHS:],
            accuracy_history=tuple(self._accuracies),
            train_accuracy=report.train_accuracy,
            interactions=report.interactions,
        )

    @staticmethod
    def _best_loss(loss: float, previous: TrainingSignals | None) -> float:
        if previous is None:
            return loss
        return min(previous.best_loss, loss) if math.isfinite(loss) else previous.best_loss


def _compute_noise(losses: Sequence[float]) -> float | None:
    """Estimate the standard deviation of a loss around its course.

    Taken from second differences, because a straight descent, however steep, leaves nothing in
    them, while the distance to an exponential average would contain the average's lag. For
    independent noise of variance v a second difference has variance 6 v. The median keeps the bend
    of the first descent, a few large differences, from being taken for noise.
    """
    bends = [abs(losses[i] - 2 * losses[i + 1] + losses[i + 2]) for i in range(len(losses) - 2)]
    return median(bends) / MEDIAN_BEND if bends else None

"""TaskConfig: the ranges, epochs and sizes of a task that everything else is scaled by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tamiyo.contracts.errors import ConfigError, InvariantError, check_at_least

__all__ = ["ACCURACY", "MetricScale", "TaskConfig", "check_initial_loss", "compute_score"]


@dataclass(frozen=True, kw_only=True)
class MetricScale:
    """How the values of a metric become points, the one scale everything is decided on.

    Perfect outputs have 100 points. Accuracies in reports are points: percent right for a
    classifier, percent of the way from ``worst`` to ``best`` for any other metric.

    Attributes:
        name: What people call the metric, for example ``"bits per byte"``.
        best: Value of perfect outputs, 100 points.
        worst: Value of useless outputs, 0 points; a value beyond it has negative points.
    """

    name: str
    best: float
    worst: float

    def __post_init__(self) -> None:
        """Refuse a scale without a length.

        Raises:
            ConfigError: If an end is not finite, or both are the same.
        """
        if not math.isfinite(self.best) or not math.isfinite(self.worst) or self.best == self.worst:
            message = (
                f"best and worst of metric {self.name} must be two different finite values, "
                f"got {self.best} and {self.worst}"
            )
            raise ConfigError(message)

    @property
    def higher_is_better(self) -> bool:
        """True if larger values are better."""
        return self.best > self.worst

    @property
    def is_share(self) -> bool:
        """True if values are shares of a perfect 1, which people read as percent."""
        return self.worst == 0 and self.best == 1

    @property
    def points_per_unit(self) -> float:
        """Points that one more unit of the metric is worth; negative if lower is better."""
        return 100 / (self.best - self.worst)

    def to_points(self, value: float) -> float:
        """Return the points of a value.

        >>> MetricScale(name="bits per byte", best=0.0, worst=8.0).to_points(2.0)
        75.0
        """
        return 100 * ((value - self.worst) / (self.best - self.worst))

    def to_value(self, points: float) -> float:
        """Return the value that has so many points."""
        return self.worst + points / 100 * (self.best - self.worst)


ACCURACY: Final = MetricScale(name="accuracy", best=1.0, worst=0.0)
"""The share of outputs that are right."""


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What a task is, fixed before any controller is trained on it.

    Attributes:
        name: Name in the task registry.
        num_classes: Size of the outputs' last axis, one number per class; ``None`` if outputs are
            not judged by class.
        initial_loss: Loss before training, nats; the upper end of the loss range.
        target_loss: Loss a good network reaches, nats; the lower end of the loss range.
        max_epochs: Epochs of an episode, the closing ones included.
        closing_epochs: Epochs at the end in which nothing is decided and uncommitted seeds ramp
            out.
        batches_per_epoch: Optimizer steps of an epoch; ``None`` if only the data knows.
        batch_size: Samples of a batch; ``None`` if only the data knows.
        learning_rate: Learning rate of Adam, which a task's networks are trained with; ``None`` if
            the user's optimizer has its own.
        final_learning_rate_fraction: Share of it reached at the end of the closing epochs, in
            (0, 1].
        rent_points: Points a network pays per unit of ln(parameters / host parameters).
        metric: What networks are judged by.
    """

    name: str
    num_classes: int | None
    initial_loss: float
    target_loss: float
    max_epochs: int
    closing_epochs: int
    batches_per_epoch: int | None
    batch_size: int | None
    learning_rate: float | None
    final_learning_rate_fraction: float
    rent_points: float
    metric: MetricScale = ACCURACY

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number breaks its rule.
        """
        known = {"num_classes": 1, "batches_per_epoch": 1, "batch_size": 1}
        counts = {name: least for name, least in known.items() if getattr(self, name) is not None}
        check_at_least(self, {**counts, "closing_epochs": 0, "rent_points": 0})
        if self.max_epochs <= self.closing_epochs:
            message = (
                f"epochs must be more than the {self.closing_epochs} closing epochs of task "
                f"{self.name}, got {self.max_epochs}"
            )
            raise ConfigError(message)
        if not 0 <= self.target_loss < self.initial_loss:
            message = (
                f"target_loss must be in [0, initial_loss = {self.initial_loss}), "
                f"got {self.target_loss}"
            )
            raise ConfigError(message)
        if self.learning_rate is not None and not self.learning_rate > 0:
            message = f"learning_rate must be positive, got {self.learning_rate}"
            raise ConfigError(message)
        if not 0 < self.final_learning_rate_fraction <= 1:
            got = self.final_learning_rate_fraction
            message = f"final_learning_rate_fraction must be in (0, 1], got {got}"
            raise ConfigError(message)

    @property
    def decision_epochs(self) -> int:
        """Epochs in which a controller decides."""
        return self.max_epochs - self.closing_epochs

    def learning_rate_at(self, epoch: int) -> float:
        """Rate of an epoch counted from 1: constant, then linear over the closing epochs.

        After the last one it stays where it ended.

        Raises:
            InvariantError: If the task has no learning rate of its own.
        """
        if self.learning_rate is None:
            message = f"task {self.name} must have a learning rate to be asked for it, got none"
            raise InvariantError(message)
        into_closing = min(max(0, epoch - self.decision_epochs), self.closing_epochs)
        if into_closing == 0:
            return self.learning_rate
        share = into_closing / self.closing_epochs
        return self.learning_rate * (1 - share * (1 - self.final_learning_rate_fraction))


def check_initial_loss(config: TaskConfig, measured: float) -> None:
    """Refuse a task whose untrained network does not start where the configuration says.

    Args:
        config: The task.
        measured: Loss of the untrained network, nats.

    Raises:
        ConfigError: If the measured loss is outside [target_loss, 1.5 * initial_loss].
    """
    highest = 1.5 * config.initial_loss
    if not config.target_loss <= measured <= highest:
        message = (
            f"initial loss of task {config.name} must be in [{config.target_loss:.3g}, "
            f"{highest:.3g}] (initial_loss is {config.initial_loss:.3g}), got {measured:.3g}"
        )
        raise ConfigError(message)


def compute_score(
    accuracy: float, *, parameters: int, host_parameters: int, rent_points: float
) -> float:
    """Compute ``accuracy - rent * ln(parameters / host_parameters)``, points.

    Args:
        accuracy: Accuracy of the committed network, points.
        parameters: Its trainable parameters.
        host_parameters: Those of the host before anything grew.
        rent_points: Points paid per unit of the logarithm.
    """
    return accuracy - rent_points * math.log(parameters / host_parameters)

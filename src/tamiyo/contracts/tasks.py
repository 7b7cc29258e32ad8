"""TaskConfig: the ranges, epochs and sizes of a task that everything else is scaled by."""

from __future__ import annotations

from dataclasses import dataclass

from tamiyo.contracts.errors import ConfigError, check_at_least

__all__ = ["TaskConfig", "check_initial_loss"]


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What a task is, fixed before any controller is trained on it.

    Attributes:
        name: Name in the task registry.
        num_classes: Number of classes.
        initial_loss: Loss before training, nats; the upper end of the loss range.
        target_loss: Loss a good network reaches, nats; the lower end of the loss range.
        max_epochs: Epochs of an episode, the closing ones included.
        closing_epochs: Epochs at the end in which nothing is decided and uncommitted seeds ramp
            out.
        batches_per_epoch: Optimizer steps of an epoch.
        batch_size: Samples of a batch.
        learning_rate: Adam's learning rate for host and seeds.
        final_learning_rate_fraction: Share of it reached at the end of the closing epochs, in
            (0, 1].
        rent_points: Points a network pays per unit of ln(parameters / host parameters).
    """

    name: str
    num_classes: int
    initial_loss: float
    target_loss: float
    max_epochs: int
    closing_epochs: int
    batches_per_epoch: int
    batch_size: int
    learning_rate: float
    final_learning_rate_fraction: float
    rent_points: float

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number breaks its rule.
        """
        check_at_least(
            self,
            {
                "num_classes": 1,
                "batches_per_epoch": 1,
                "batch_size": 1,
                "closing_epochs": 0,
                "rent_points": 0,
            },
        )
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
        if not self.learning_rate > 0:
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
        """
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

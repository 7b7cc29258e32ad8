"""What is known after an epoch: the tracker's view of training, for controllers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainingSignals"]


@dataclass(frozen=True, kw_only=True)
class TrainingSignals:
    """The course of training so far; ``None`` means not known yet.

    Attributes:
        epoch: Epochs completed.
        epochs_left: Epochs in which a decision can still be made.
        global_step: Optimizer steps completed.
        train_loss: Mean training loss of the epoch, nats.
        control_loss: Mean loss on the control split, nats.
        control_accuracy: Percent of the control split right.
        loss_delta: Previous control loss minus this one, nats; positive is better.
        accuracy_delta: This control accuracy minus the previous one, points.
        smoothed_loss: Exponential average of the control loss, nats.
        loss_noise: Standard deviation of the control loss around its smoothed course, nats.
        plateau_epochs: Epochs in a row without progress beyond the noise.
        is_stabilized: Sticky latch: the host has left its first steep descent.
        best_accuracy: Best control accuracy of the run, percent.
        best_loss: Best control loss of the run, nats.
        loss_history: The last five control losses, oldest first.
        accuracy_history: The last five control accuracies, oldest first.
    """

    epoch: int
    epochs_left: int
    global_step: int
    train_loss: float | None
    control_loss: float
    control_accuracy: float
    loss_delta: float | None
    accuracy_delta: float | None
    smoothed_loss: float
    loss_noise: float | None
    plateau_epochs: int
    is_stabilized: bool
    best_accuracy: float
    best_loss: float
    loss_history: tuple[float, ...]
    accuracy_history: tuple[float, ...]

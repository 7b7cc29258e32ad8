"""Measure a growing model after each epoch of a training loop that is the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from tamiyo.contracts import ACCURACY, ConfigError, EpochReport, MetricScale
from tamiyo.engine.counterfactual import Validation, collect_measurements, validate
from tamiyo.engine.epoch import read_gradients
from tamiyo.model import TamiyoModel, call_host, drawing_from
from tamiyo.tasks import build_objective

if TYPE_CHECKING:
    from torch import nn

    from tamiyo.engine.optimizers import GrowingOptimizer
    from tamiyo.tasks import Batches, Judgement, Objective

__all__ = ["EpochMeter", "choose_scale", "judge_network"]


class EpochMeter:
    """Validates a model with its counterfactuals and tells its seeds what was measured.

    Args:
        model: The model, not trained yet.
        control: Batches to judge it on, pairs of inputs and targets; gone through every epoch.
        optimizer: What follows the model's growth; it counts the steps.
        loss: Maps outputs and targets to one number.
        metric: Maps outputs and targets to one number per sample, or one for the batch. Without
            it, cross-entropy is judged by accuracy and any other loss by itself.
        higher_is_better: Whether larger values of the metric are better; then they should lie in
            [0, 1]. If smaller ones are, 0 is the best one.

    Raises:
        ConfigError: If the metric cannot be compared unit by unit.
    """

    def __init__(
        self,
        model: TamiyoModel,
        control: Batches,
        *,
        optimizer: GrowingOptimizer,
        loss: Judgement = F.cross_entropy,
        metric: Judgement | None = None,
        higher_is_better: bool = True,
    ) -> None:
        self._model = model
        self._control = control
        self._optimizer = optimizer
        self._objective = build_objective(loss, metric)
        values, _ = judge_network(model, control, self._objective)
        self.scale = choose_scale(self._objective, values, higher_is_better=higher_is_better)
        self.initial = self._report(0, self._validate(), train_loss=None)

    def measure(self, train_loss: float | None = None) -> EpochReport:
        """Measure the epoch that was just trained; the model's next epoch begins.

        Args:
            train_loss: Mean training loss of the epoch, if it is known.
        """
        model = self._model
        validation = self._validate()
        measured = collect_measurements(read_gradients(model), validation)
        report = self._report(model.epoch, validation, train_loss=train_loss)
        model.finish_epoch(measured, control_accuracy=report.control_accuracy)
        return report

    def _validate(self) -> Validation:
        return validate(self._model, self._control, self._objective, self.scale)

    def _report(
        self, epoch: int, validation: Validation, *, train_loss: float | None
    ) -> EpochReport:
        return EpochReport(
            epoch=epoch,
            global_step=self._optimizer.steps,
            train_loss=train_loss,
            train_accuracy=None,
            control_loss=validation.main.loss,
            control_accuracy=validation.main.accuracy,
            committed_accuracy=validation.committed.accuracy,
            multiply_adds=None,
            interactions=validation.interactions,
        )


def judge_network(
    network: nn.Module, batches: Batches, objective: Objective
) -> tuple[Tensor, Tensor]:
    """Judge a network as it is.

    Args:
        network: Any module; judged in evaluation mode and put back into its mode.
        batches: What to judge it on.
        objective: What outputs are judged by.

    Returns:
        The metric of every unit, [U], and the loss of every unit, [U'], float64.

    Raises:
        ConfigError: If there is no batch.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), drawing_from(torch.Generator()):
            parts = [
                objective.judge(call_host(network, inputs), targets) for inputs, targets in batches
            ]
    finally:
        network.train(was_training)
    if not parts:
        message = "control must hold at least one batch, got none"
        raise ConfigError(message)
    return torch.cat([values for values, _ in parts]), torch.cat([losses for _, losses in parts])


def choose_scale(
    objective: Objective, values: Tensor, *, higher_is_better: bool, name: str | None = None
) -> MetricScale:
    """Choose how the values of a metric become points.

    Values of which higher ones are better are taken as shares of a perfect 1. Where lower ones are
    better, 0 is perfect and what the untrained network has is worth 0 points.

    Args:
        objective: What outputs are judged by.
        values: The metric of every unit of the control split before training, [U].
        higher_is_better: Whether larger values are better; ignored where the loss is the metric.
        name: What to call the metric; the name of its function if not given.

    Raises:
        ConfigError: If there are fewer than two units to compare by, or the values of the
            untrained network do not fit the scale.
    """
    if len(values) <= 1:
        message = (
            "metric must give one number per sample, or control at least two batches, got "
            f"{len(values)} number in all: nothing can be compared with an error"
        )
        raise ConfigError(message)
    if objective.is_classification:
        return ACCURACY
    is_loss = objective.metric is objective.losses
    if name is None:
        name = "loss" if is_loss else str(getattr(objective.metric, "__name__", "metric"))
    if not higher_is_better or is_loss:
        _check_values(name, values, "positive where lower is better", is_fit=values.mean() > 0)
        return MetricScale(name=name, best=0.0, worst=float(values.mean()))
    _check_values(name, values, "at most 1 where higher is better", is_fit=values.max() <= 1)
    return MetricScale(name=name, best=1.0, worst=0.0)


def _check_values(name: str, values: Tensor, rule: str, *, is_fit: Tensor) -> None:
    """Refuse values that a scale cannot be built on.

    Raises:
        ConfigError: If they do not fit it or are not finite.
    """
    if not is_fit or not values.isfinite().all():
        got = f"values from {float(values.min()):.4g} to {float(values.max()):.4g}"
        message = f"metric {name} must be finite and {rule}, got {got} before training: rescale it"
        raise ConfigError(message)

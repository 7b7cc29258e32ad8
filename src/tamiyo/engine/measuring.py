"""Measure a growing model after each epoch of a training loop that is the user's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, EpochReport, MetricScale, SeedStage
from tamiyo.engine.counterfactual import Validation, collect_measurements, validate
from tamiyo.engine.epoch import read_gradients
from tamiyo.engine.loaders import FixedBatches
from tamiyo.model import TamiyoModel, call_host, drawing_from, preserving_buffers
from tamiyo.tasks import Units, build_objective

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    Attributes:
        scale: How the metric becomes points.
        initial: The report of the model before training.

    Raises:
        ConfigError: If the model has no slots, control cannot be gone through twice, or loss or
            metric cannot be used.
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
        if not isinstance(model, TamiyoModel):
            message = f"model must be what tamiyo.attach returned, got {type(model).__name__}"
            raise ConfigError(message)
        self._model = model
        self._control = FixedBatches("control", control)
        self._optimizer = optimizer
        self._objective = build_objective(loss, metric)
        values, _ = judge_network(model, self._control, self._objective)
        self.scale = choose_scale(self._objective, values, higher_is_better=higher_is_better)
        self.initial = self._report(0, self._validate(), train_loss=None)

    def measure(self, train_loss: float | None = None) -> EpochReport:
        """Measure the epoch that was just trained; the model's next epoch begins.

        Args:
            train_loss: Mean training loss of the epoch, if it is known.

        Raises:
            ConfigError: If a seed incubates: nobody trains it in a loop of one's own.
        """
        model = self._model
        _check_nothing_incubates(model)
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
) -> tuple[Units, Units]:
    """Judge a network as it is; the first batch also tells whether the loss can be used.

    Args:
        network: Any module; judged in evaluation mode and put back into its mode.
        batches: What to judge it on.
        objective: What outputs are judged by.

    Returns:
        The metric and the loss of every unit.

    Raises:
        ConfigError: If there is no batch, or the loss cannot be trained or compared.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), drawing_from(torch.Generator()), preserving_buffers(network):
            parts = list(_judge_batches(network, batches, objective))
    finally:
        network.train(was_training)
    if not parts:
        message = "control must hold at least one batch, got none"
        raise ConfigError(message)
    return Units.join([values for values, _ in parts]), Units.join([losses for _, losses in parts])


def _judge_batches(
    network: nn.Module, batches: Batches, objective: Objective
) -> Iterator[tuple[Units, Units]]:
    for number, (inputs, targets) in enumerate(batches):
        outputs = call_host(network, inputs)
        if number == 0:
            objective.check(outputs, targets)
        yield objective.judge(outputs, targets)


def choose_scale(objective: Objective, values: Units, *, higher_is_better: bool) -> MetricScale:
    """Choose how the values of a metric become points.

    Values of which higher ones are better are taken as shares of a perfect 1. Where lower ones are
    better, 0 is perfect and what the model has before it is grown is worth 0 points.

    Args:
        objective: What outputs are judged by.
        values: The metric of every unit of the control split before training.
        higher_is_better: Whether larger values are better; ignored where the loss is the metric.

    Raises:
        ConfigError: If there are fewer than two units to compare by, or the values before training
            do not fit the scale.
    """
    if values.error is None:
        message = (
            "metric must give one number per sample, or control at least two batches, got "
            f"{len(values.values)} number in all: nothing can be compared with an error"
        )
        raise ConfigError(message)
    if objective.scale is not None:
        return objective.scale
    is_loss = objective.is_judged_by_loss
    name = "loss" if is_loss else str(getattr(objective.metric, "__name__", "metric"))
    mean = values.mean
    if higher_is_better and not is_loss:
        _check_mean(name, mean, "from -1 to 1 where higher is better", is_fit=-1 <= mean <= 1)
        return MetricScale(name=name, best=1.0, worst=0.0)
    _check_mean(name, mean, "positive where lower is better", is_fit=0 < mean < math.inf)
    return MetricScale(name=name, best=0.0, worst=mean)


def _check_mean(name: str, mean: float, rule: str, *, is_fit: bool) -> None:
    """Refuse values that a scale cannot be built on.

    Raises:
        ConfigError: If they do not fit it.
    """
    if not is_fit:
        message = f"metric {name} must be {rule}, got {mean:.4g} before training: rescale it"
        raise ConfigError(message)


def _check_nothing_incubates(model: TamiyoModel) -> None:
    """Refuse a model whose seeds wait for somebody to train them on the shadow loss.

    Raises:
        ConfigError: If one does.
    """
    for slot in model.slots.values():
        if slot.stage == SeedStage.TRAINING:
            message = (
                f"seeds must not incubate in a training loop of one's own, got slot {slot.slot_id} "
                "in TRAINING: attach with LifecycleConfig(incubate=False), or use tamiyo.grow"
            )
            raise ConfigError(message)

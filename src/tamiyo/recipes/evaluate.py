"""Judge a network by itself on a task's test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tamiyo.contracts import MetricScale, ShapeError
from tamiyo.model import count_trainable
from tamiyo.tasks import Units, get_task

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Evaluation", "evaluate_network"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good a network is, and how large.

    Attributes:
        task: Name of the task.
        metric: What it is judged by.
        test_accuracy: Accuracy on the task's test split, points.
        parameters: Its trainable parameters.
    """

    task: str
    metric: MetricScale
    test_accuracy: float
    parameters: int


def evaluate_network(network: nn.Module, task: str) -> Evaluation:
    """Judge a network on a task's test split.

    Args:
        network: Any module from the task's inputs to its outputs; it is put into
            evaluation mode.
        task: Name of the task.

    Raises:
        UnknownNameError: If there is no such task.
        ShapeError: If the network cannot take the task's inputs or gives other outputs.
    """
    chosen = get_task(task)
    data = chosen.load_data()
    network.eval()
    values: list[Units] = []
    for inputs, targets in data.test:
        outputs = _compute_outputs(network, inputs, task)
        expected = [*targets.shape, chosen.config.num_classes]
        if list(outputs.shape) != expected:
            message = f"outputs for task {task} must be {expected}, got {list(outputs.shape)}"
            raise ShapeError(message)
        values.append(data.objective.compute_values(outputs, targets))
    return Evaluation(
        task=task,
        metric=chosen.config.metric,
        test_accuracy=chosen.config.metric.to_points(Units.join(values).mean),
        parameters=count_trainable(network),
    )


def _compute_outputs(network: nn.Module, inputs: Tensor, task: str) -> Tensor:
    try:
        with torch.no_grad():
            outputs: Tensor = network(inputs)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        message = f"network must take the inputs {list(inputs.shape)} of task {task}, got {reason}"
        raise ShapeError(message) from error
    return outputs

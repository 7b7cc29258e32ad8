"""Judge a network by itself on a task's test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.contracts import ShapeError
from tamiyo.model import count_trainable
from tamiyo.tasks import get_task

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Evaluation", "evaluate_network"]

_CHUNK_SAMPLES: Final = 512


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good a network is, and how large.

    Attributes:
        task: Name of the task.
        test_accuracy: Percent of the task's test split right.
        parameters: Its trainable parameters.
    """

    task: str
    test_accuracy: float
    parameters: int


def evaluate_network(network: nn.Module, task: str) -> Evaluation:
    """Count what a network gets right on a task's test split.

    Args:
        network: Any module from the task's inputs to one output per class; it is put into
            evaluation mode.
        task: Name of the task.

    Raises:
        UnknownNameError: If there is no such task.
        ShapeError: If the network cannot take the task's inputs or gives other outputs.
    """
    chosen = get_task(task)
    split = chosen.load_data().test
    network.eval()
    right = 0
    for inputs, targets in zip(
        split.inputs.split(_CHUNK_SAMPLES), split.targets.split(_CHUNK_SAMPLES), strict=True
    ):
        outputs = _compute_outputs(network, inputs, task)
        if outputs.shape != (len(targets), chosen.config.num_classes):
            expected = [len(targets), chosen.config.num_classes]
            message = f"outputs for task {task} must be {expected}, got {list(outputs.shape)}"
            raise ShapeError(message)
        right += int((outputs.argmax(dim=1) == targets).sum())
    return Evaluation(
        task=task,
        test_accuracy=100 * right / len(split),
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

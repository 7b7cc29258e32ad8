"""Trainee: a network together with what trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from tamiyo.contracts import TaskConfig

__all__ = ["Trainee", "build_task_trainee"]


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A network and its optimizer, before anything has grown.

    Attributes:
        network: The host.
        optimizer: Optimizer over the host's parameters; it will follow what grows.
        begin_epoch: Told the epoch, counted from 1, before it is trained.
        finish_epoch: Told the control loss after each epoch.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    begin_epoch: Callable[[int], None] = lambda _epoch: None
    finish_epoch: Callable[[float], None] = lambda _loss: None


def build_task_trainee(network: nn.Module, config: TaskConfig) -> Trainee:
    """Give a network the optimizer every network of a task gets: Adam at the task's rates.

    Args:
        network: The network.
        config: The task.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    adam = torch.optim.Adam([{"params": parameters}], lr=config.learning_rate_at(1), fused=True)

    def set_learning_rate(epoch: int) -> None:
        for group in adam.param_groups:
            group["lr"] = config.learning_rate_at(epoch)

    return Trainee(network=network, optimizer=adam, begin_epoch=set_learning_rate)

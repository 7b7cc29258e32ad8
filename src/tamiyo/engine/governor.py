"""Governor: notices that training diverged and holds the last healthy state of a model."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tamiyo.contracts import Initiator, InvariantError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.engine.config import GovernorConfig
    from tamiyo.model import TamiyoModel

__all__ = ["Governor", "Snapshot"]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """State of a model at the end of a healthy epoch.

    Attributes:
        epoch: Epochs that were completed.
        host: Parameters and buffers of the host.
        seeds: Slot id to seed id and the parameters of that seed.
    """

    epoch: int
    host: dict[str, Tensor]
    seeds: dict[str, tuple[str, dict[str, Tensor]]]


class Governor:
    """Watches the losses of one environment.

    Args:
        config: When an epoch counts as diverged.
        initial_loss: Loss of an untrained network of the task.
    """

    def __init__(self, config: GovernorConfig, *, initial_loss: float) -> None:
        self._config = config
        self._initial_loss = initial_loss
        self._healthy: deque[float] = deque(maxlen=config.window_epochs)
        self._snapshot: Snapshot | None = None

    def judge(self, control_loss: float, train_loss: float) -> str | None:
        """Judge one epoch; a healthy loss is remembered, an unhealthy one never is.

        Args:
            control_loss: Mean loss on the control split.
            train_loss: Mean loss on the training samples.

        Returns:
            Why the epoch counts as diverged, or ``None`` if it is healthy.
        """
        if not math.isfinite(control_loss) or not math.isfinite(train_loss):
            return f"loss is not finite (control {control_loss}, training {train_loss})"
        limit = self._find_limit()
        if control_loss > limit:
            return f"control loss {control_loss:.3g} above {limit:.3g}"
        self._healthy.append(control_loss)
        return None

    def _find_limit(self) -> float:
        """Return the highest loss that is no spike; at first by the task alone."""
        config = self._config
        if len(self._healthy) < config.min_epochs:
            return self._initial_loss * config.spike_factor
        mean = fmean(self._healthy)
        squares = math.fsum((loss - mean) ** 2 for loss in self._healthy)
        deviation = math.sqrt(squares / (len(self._healthy) - 1))
        return max(
            mean + config.spike_deviations * deviation,
            mean * config.spike_factor,
            self._initial_loss * config.spike_initial_fraction,
        )

    def remember(self, model: TamiyoModel, *, epoch: int) -> None:
        """Keep a copy of a healthy model."""
        self._snapshot = Snapshot(
            epoch=epoch,
            host=_copy(model.host),
            seeds={
                slot_id: (slot.seed.seed_id, _copy(slot.seed.module))
                for slot_id, slot in model.slots.items()
                if slot.seed is not None
            },
        )

    def roll_back(self, model: TamiyoModel, *, reason: str) -> int:
        """Set a model back to the last healthy state; uncommitted seeds are pruned.

        Fossils keep their place; each gets the parameters it had, as a seed or as a fossil.

        Args:
            model: The model.
            reason: Why, for the record.

        Returns:
            The epoch of the state that was restored.

        Raises:
            InvariantError: If no healthy state was ever remembered.
        """
        if self._snapshot is None:
            message = "roll_back must follow remember, got no snapshot"
            raise InvariantError(message)
        model.ramp_out_uncommitted(0, initiator=Initiator.GOVERNOR, reason=reason)
        _load_matching(model.host, self._snapshot.host)
        for slot_id, slot in model.slots.items():
            seed_id, state = self._snapshot.seeds.get(slot_id, ("", {}))
            if slot.seed is not None and slot.seed.seed_id == seed_id:
                _load_matching(slot.seed.module, state)
        return self._snapshot.epoch


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in _tensors(module)}


def _load_matching(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy the tensors both have: a gate may have come or gone since the snapshot."""
    with torch.no_grad():
        for name, tensor in _tensors(module):
            if name in state:
                tensor.copy_(state[name])


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer, also the buffers a state dict leaves out."""
    return chain(module.named_parameters(), module.named_buffers())

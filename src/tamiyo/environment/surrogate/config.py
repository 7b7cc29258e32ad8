"""SurrogateConfig: everything that shapes the synthetic episodes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tamiyo.contracts import (
    Blueprint,
    ConfigError,
    LifecycleConfig,
    TaskConfig,
    check_at_least,
    check_at_most,
    check_choices,
)
from tamiyo.environment.surrogate.needs import FULL_NEEDS, NEEDS, SEEDS

__all__ = ["RewardKind", "SurrogateConfig"]

_LARGEST: Final = {
    "slots": 64,
    "max_epochs": 10_000,
    "rent_points": 1e6,
    "host_parameters": 10**12,
    "gate_parameters": 10**12,
    "max_parameters": 10**12,
    "noise_points": 1e6,
    "variation": 10,
    "intervention_points": 1e6,
}


class RewardKind(StrEnum):
    """What an episode's steps are paid."""

    SPARSE = "sparse"
    SHAPED = "shaped"


@dataclass(frozen=True, kw_only=True)
class SurrogateConfig:
    """One family of synthetic hosts.

    Attributes:
        slots: Number of slots, 1 to 64.
        max_epochs: Epochs of an episode, the closing ones included.
        closing_epochs: Epochs at its end in which nothing is decided.
        rent_points: Points a network pays per unit of ln(parameters / host parameters).
        host_parameters: Parameters of the host before anything grows.
        gate_parameters: Parameters that the learned gate of GATED_GATE adds.
        max_parameters: Budget for the parameters; ``None`` for no budget.
        needs: Names of the needs an episode draws from.
        blueprints: Kinds of seeds that can be planted.
        noise_points: Standard deviation of every measured accuracy, points.
        variation: Scale of how much hosts of one need differ, 0 for not at all, at most 10.
        most_points: Points that all seeds together can add at most: returns diminish towards it.
        lifecycle: Gates, ages and clocks.
        reward: What the steps are paid.
        intervention_points: Points that every decision costs which is not WAIT.
        telemetry: Whether observations have the telemetry features.
    """

    slots: int = 3
    max_epochs: int = 30
    closing_epochs: int = 5
    rent_points: float = 4.0
    host_parameters: int = 400
    gate_parameters: int = 20
    max_parameters: int | None = None
    needs: tuple[str, ...] = FULL_NEEDS
    blueprints: tuple[Blueprint, ...] = tuple(SEEDS)
    noise_points: float = 0.5
    variation: float = 1.0
    most_points: float = 16.0
    lifecycle: LifecycleConfig = field(default_factory=LifecycleConfig)
    reward: RewardKind = RewardKind.SPARSE
    intervention_points: float = 0.0
    telemetry: bool = False

    def __post_init__(self) -> None:
        """Check every number and name where it enters.

        Raises:
            ConfigError: If a number is outside its range, the reward is unknown, or a need or
                blueprint is unknown, double or missing.
        """
        smallest = {
            "slots": 1,
            "rent_points": 0,
            "host_parameters": 1,
            "gate_parameters": 0,
            "noise_points": 0,
            "variation": 0,
            "intervention_points": 0,
        }
        check_at_least(self, smallest)
        check_at_most(self, _LARGEST)
        if not 0 < self.most_points < math.inf:
            message = f"most_points must be above 0 and finite, got {self.most_points}"
            raise ConfigError(message)
        for name, known in (("needs", tuple(NEEDS)), ("blueprints", tuple(SEEDS))):
            got = getattr(self, name)
            if not got or len(set(got)) < len(got) or not set(got) <= set(known):
                listing = ", ".join(str(item) for item in known)
                message = f"{name} must be one or more different ones of {listing}, got {got}"
                raise ConfigError(message)
        check_choices(self, {"reward": RewardKind})
        _ = self.task  # it refuses epochs that do not fit

    @property
    def slot_ids(self) -> tuple[str, ...]:
        """Ids of the slots in the order of the slot head."""
        return tuple(f"r0c{column}" for column in range(self.slots))

    @property
    def task(self) -> TaskConfig:
        """The task, for everything that is scaled by one."""
        return TaskConfig(
            name="surrogate",
            num_classes=10,
            initial_loss=2.3,
            target_loss=0.1,
            max_epochs=self.max_epochs,
            closing_epochs=self.closing_epochs,
            batches_per_epoch=20,
            batch_size=64,
            learning_rate=None,
            final_learning_rate_fraction=1.0,
            rent_points=self.rent_points,
        )

    @property
    def decision_epochs(self) -> int:
        """Decisions of an episode."""
        return self.task.decision_epochs

"""Settings of the engine: how hosts are trained and when training counts as diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from tyro.conf import EnumChoicesFromValues

from tamiyo.contracts import ConfigError, LifecycleConfig

__all__ = ["EngineConfig", "EngineKind", "GovernorConfig"]

_FEWEST_LOSSES: Final = 2
"""Losses a standard deviation needs."""


class EngineKind(StrEnum):
    """What trains the environments of a population."""

    AUTO = "auto"
    SEQUENTIAL = "sequential"
    BATCHED = "batched"


@dataclass(frozen=True, kw_only=True)
class GovernorConfig:
    """When the governor calls an epoch diverged.

    Attributes:
        window_epochs: Healthy control losses that are remembered.
        min_epochs: Losses that must be remembered before a spike is judged by them; until then a
            spike is a loss above ``spike_factor`` times the task's initial loss.
        spike_deviations: Standard deviations above the window's mean a spike must exceed.
        spike_factor: Multiple of the window's mean it must exceed as well.
        spike_initial_fraction: Multiple of the task's initial loss it must exceed as well.
    """

    window_epochs: int = 20
    min_epochs: int = 3
    spike_deviations: float = 6.0
    spike_factor: float = 3.0
    spike_initial_fraction: float = 0.75

    def __post_init__(self) -> None:
        """Refuse a window that can never be judged.

        Raises:
            ConfigError: If ``min_epochs`` is outside its range, or a limit is not positive.
        """
        for name in ("spike_deviations", "spike_factor", "spike_initial_fraction"):
            if not 0 < getattr(self, name) < math.inf:
                message = f"{name} must be positive, got {getattr(self, name)}"
                raise ConfigError(message)
        if not _FEWEST_LOSSES <= self.min_epochs <= self.window_epochs:
            allowed = f"[{_FEWEST_LOSSES}, window_epochs = {self.window_epochs}]"
            message = f"min_epochs must be in {allowed}, got {self.min_epochs}"
            raise ConfigError(message)


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How a population is trained.

    Attributes:
        lifecycle: Thresholds and clocks of a seed's life.
        governor: When training counts as diverged.
        seed_learning_rate_factor: Multiple of the task's learning rate for uncommitted seeds.
        max_gradient_norm: Norm to which longer gradients are cut before each step, the host's and
            every seed's by itself; ``None`` to leave them.
        max_parameters: Budget for all trainable parameters; ``None`` for no budget.
        check_invariants: Whether every step asserts Tamiyo's own promises (slower).
        engine: What trains several networks: one after the other, all in one batch, or what suits
            them.
    """

    lifecycle: LifecycleConfig = field(default_factory=LifecycleConfig)
    governor: GovernorConfig = field(default_factory=GovernorConfig)
    seed_learning_rate_factor: float = 0.5
    max_gradient_norm: float | None = None
    max_parameters: int | None = None
    check_invariants: bool = False
    engine: Annotated[EngineKind, EnumChoicesFromValues] = EngineKind.AUTO

    def __post_init__(self) -> None:
        """Refuse factors and budgets without a meaning.

        Raises:
            ConfigError: If one is not positive, or there is no such engine.
        """
        if self.engine not in set(EngineKind):
            message = f"engine must be one of {', '.join(EngineKind)}, got {self.engine!r}"
            raise ConfigError(message)
        if not 0 < self.seed_learning_rate_factor < math.inf:
            got = self.seed_learning_rate_factor
            message = f"seed_learning_rate_factor must be positive, got {got}"
            raise ConfigError(message)
        limit = self.max_gradient_norm
        if limit is not None and not 0 < limit < math.inf:
            message = f"max_gradient_norm must be positive, got {limit}"
            raise ConfigError(message)
        if self.max_parameters is not None and self.max_parameters < 1:
            message = f"max_parameters must be at least 1, got {self.max_parameters}"
            raise ConfigError(message)

"""RewardConfig: the weight of every part of the reward, and their bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from tamiyo.contracts import ConfigError

__all__ = ["RewardConfig", "RewardPreset"]

_LARGEST_HINDSIGHT: Final = 0.2
_SHARES: Final = ("hindsight_points", "hindsight_discount")


class RewardPreset(StrEnum):
    """Named compositions of the reward.

    SPARSE pays the score at the end and nothing else; SHAPED pays every part.
    """

    SPARSE = "sparse"
    SHAPED = "shaped"


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """How much each part of the reward counts; 0 leaves a part out.

    The two potentials cancel over an episode. What does not cancel is small beside the score, so
    that the best thing to do stays what the score says.

    Attributes:
        attribution_weight: Of the change in what seeds are credited with; needs a wait-only twin.
        attribution_bound_points: Most that all seeds together are credited with, in either
            direction.
        stage_weight: Of the change in what stages are worth: points of a committed seed.
        rent_weight: Share of the score's rent that is paid again while training, spread over the
            decisions.
        shock_points: Cost of a change of alpha by 1 within one epoch; over n epochs it is 1/n.
        intervention_points: Cost of any op but WAIT.
        synergy_weight: Of the interactions of a seed that is committed with earlier fossils.
        synergy_bound_points: Most that is paid for those of one seed.
        hindsight_points: Most that is paid per episode for seeds that helped a later one, at most
            0.2; 0 keeps no ledger.
        hindsight_weight: Points per point of boost.
        hindsight_discount: Per epoch from the boost to the commitment, in [0, 1].
        divergence_points: Taken off the score of an episode that diverged.
        thrash_cycles: Seeds in one episode that are pruned without ever having been credited with
            anything, from which on an alarm is raised.
    """

    attribution_weight: float = 0.0
    attribution_bound_points: float = 20.0
    stage_weight: float = 0.0
    rent_weight: float = 0.0
    shock_points: float = 0.0
    intervention_points: float = 0.0
    synergy_weight: float = 0.0
    synergy_bound_points: float = 0.5
    hindsight_points: float = 0.0
    hindsight_weight: float = 0.1
    hindsight_discount: float = 0.95
    divergence_points: float = 20.0
    thrash_cycles: int = 4

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If one is negative, not finite or above its limit.
        """
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                message = f"{name} must be at least 0 and finite, got {value}"
                raise ConfigError(message)
        for name, most in zip(_SHARES, (_LARGEST_HINDSIGHT, 1.0), strict=True):
            if getattr(self, name) > most:
                message = f"{name} must be at most {most}, got {getattr(self, name)}"
                raise ConfigError(message)
        if self.thrash_cycles < 1:
            message = f"thrash_cycles must be at least 1, got {self.thrash_cycles}"
            raise ConfigError(message)

    @classmethod
    def preset(cls, name: RewardPreset) -> Self:
        """Return a named composition.

        >>> RewardConfig.preset(RewardPreset.SPARSE).needs_twin
        False
        """
        if name == RewardPreset.SPARSE:
            return cls()
        return cls(
            attribution_weight=1.0,
            stage_weight=0.5,
            rent_weight=0.1,
            shock_points=0.05,
            intervention_points=0.02,
            synergy_weight=0.1,
            hindsight_points=_LARGEST_HINDSIGHT,
        )

    @property
    def needs_twin(self) -> bool:
        """Whether a part asks what the host would be had it never grown."""
        return any((self.attribution_weight, self.synergy_weight, self.hindsight_points))

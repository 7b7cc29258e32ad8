"""What a controller is paid for a step, part by part, and what it did in an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["GAIN_METRIC", "SCORE_METRIC", "THRASHING_METRIC", "EpisodeCounters", "RewardParts"]

GAIN_METRIC: Final = "episode/gain_points"
"""Name of the mean score of episodes less that of the wait-only twin, points."""

SCORE_METRIC: Final = "episode/score_points"
"""Name of the mean score of episodes, points."""

THRASHING_METRIC: Final = "episode/thrashing_fraction"
"""Name of the share of episodes in which seeds were planted and pruned again without any gain."""


@dataclass(frozen=True, kw_only=True)
class RewardParts:
    """The reward of one step, points; every part has its sign, so that they sum to the reward.

    Attributes:
        bounded_attribution: Discounted change of what the seeds are credited with.
        stage_shaping: Discounted change of what the stages of all slots are worth.
        compute_rent: Rent on the parameters that train along, at most 0.
        alpha_shock: Cost of a commanded change of alpha, at most 0.
        intervention_cost: Cost of any op but WAIT, at most 0.
        synergy: How well two seeds work together, paid when both are committed, at least 0.
        hindsight_credit: Share of earlier seeds in one that was committed later, in [0, 0.2].
        terminal: Score of the episode, at its end.
        baseline: What no action of the episode changes, taken off at its end.
    """

    bounded_attribution: float = 0.0
    stage_shaping: float = 0.0
    compute_rent: float = 0.0
    alpha_shock: float = 0.0
    intervention_cost: float = 0.0
    synergy: float = 0.0
    hindsight_credit: float = 0.0
    terminal: float = 0.0
    baseline: float = 0.0

    @property
    def total(self) -> float:
        """The reward, points."""
        return float(sum(vars(self).values()))


@dataclass(frozen=True, kw_only=True)
class EpisodeCounters:
    """What was done in an episode so far.

    Attributes:
        seeds_created: Seeds that germinated.
        seeds_fossilized: Seeds that were committed.
        contributing_fossilized: Those of them that were credited with something then.
        prunes: Prunes that were commanded.
        fruitless_cycles: Those of them whose seed was never credited with anything; 0 without a
            twin, as nothing says what was gained.
        scaffolds: Seeds that shared in the credit of one committed later.
        scaffold_delay_epochs: Mean epochs from the boost to that commitment; ``None`` without any.
        unknown_credits: Seeds times epochs whose credit was unknown, as something was unmeasured.
    """

    seeds_created: int = 0
    seeds_fossilized: int = 0
    contributing_fossilized: int = 0
    prunes: int = 0
    fruitless_cycles: int = 0
    scaffolds: int = 0
    scaffold_delay_epochs: float | None = None
    unknown_credits: int = 0

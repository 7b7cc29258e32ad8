"""The best fixed schedule: what can be gained without watching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import build_action_spec
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv
from tamiyo.environment.surrogate.world import SurrogateWorld
from tamiyo.environment.yardsticks.halving import search_family
from tamiyo.environment.yardsticks.schedules import SchedulePlans, decide_by_schedule, draw_plan
from tamiyo.observation import compute_action_masks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.environment.surrogate.draws import EpisodeDraws

__all__ = ["ScheduleFamily", "play_schedules", "search_schedule"]

Floats = NDArray[np.float64]

_CHUNK: Final = 2048  # episodes played at once
_CHANGED_SHARE: Final = 0.15  # of the numbers of a schedule that descends from another


def search_schedule(
    config: SurrogateConfig,
    *,
    tries: int = 2048,
    generations: int = 6,
    seed: int,
    on_progress: Callable[[float], None] = lambda _: None,
) -> SchedulePlans:
    """Search for the schedule that gains most on average.

    Args:
        config: The family of hosts.
        tries: Schedules of the first generation, at least 1; later ones have half as many new.
        generations: Generations, at least 1.
        seed: Seed of the schedules and of the episodes they are played on.
        on_progress: Told the share of the work that is over, in (0, 1].

    Returns:
        One schedule, P = 1. Its gain is to be measured on episodes of other seeds.

    Raises:
        ConfigError: If there is nothing to try.
    """
    return search_family(
        ScheduleFamily(config),
        tries=tries,
        generations=generations,
        seed=seed,
        on_progress=on_progress,
    )


def play_schedules(config: SurrogateConfig, plans: SchedulePlans, draws: EpisodeDraws) -> Floats:
    """Play one schedule per episode.

    Args:
        config: The family of hosts.
        plans: The schedules, P = N.
        draws: Hidden numbers and noise of N episodes.

    Returns:
        Score beyond that of the host alone, points, ``[N]``.
    """
    spec = build_action_spec(config.slot_ids)
    world = SurrogateWorld(len(draws.need), config)
    world.draws = draws
    world.begin(np.ones(len(draws.need), dtype=np.bool_))
    for _ in range(config.decision_epochs):
        masks = compute_action_masks(world.arrays, spec)
        world.step(decide_by_schedule(plans, world.arrays, spec, masks))
    return world.compute_score() - world.compute_host_score()


class ScheduleFamily:
    """Fixed schedules, each of them a :class:`SchedulePlans` of one.

    Args:
        config: The family of hosts they are for.
    """

    def __init__(self, config: SurrogateConfig) -> None:
        self._config = config

    def draw(self, rng: np.random.Generator) -> SchedulePlans:
        """Draw a schedule at random."""
        return draw_plan(self._config, rng)

    def vary(self, parent: SchedulePlans, rng: np.random.Generator) -> SchedulePlans:
        """Draw a schedule that is like another one in most of its numbers."""
        drawn = vars(self.draw(rng))
        return SchedulePlans(
            **{
                name: np.where(rng.random(kept.shape) < _CHANGED_SHARE, drawn[name], kept)
                for name, kept in vars(parent).items()
            }
        )

    def play(self, candidates: Sequence[SchedulePlans], seeds: range) -> Floats:
        """Play each of P schedules on the episodes of E seeds, ``[P, E]``."""
        plans = SchedulePlans.stack(candidates)
        env = SurrogateVectorEnv(len(seeds), self._config)
        env.reset(seed=seeds.start)
        plan, episode = (axis.ravel() for axis in np.indices((len(candidates), len(seeds))))
        gains = [
            play_schedules(
                self._config,
                plans.take(plan[start : start + _CHUNK]),
                env.world.draws.take(episode[start : start + _CHUNK]),
            )
            for start in range(0, len(plan), _CHUNK)
        ]
        return np.concatenate(gains).reshape(len(candidates), len(seeds))

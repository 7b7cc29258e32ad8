"""The best thresholds of the rule-based controller."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from tamiyo.contracts import AlphaSpeed, AlphaTarget, Style, Tempo
from tamiyo.controller import Heuristic, HeuristicConfig, SlotOrder
from tamiyo.environment.surrogate.reports import play_controllers
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv
from tamiyo.environment.yardsticks.halving import search_family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tamiyo.environment.surrogate.config import SurrogateConfig

__all__ = ["HeuristicFamily", "search_heuristic"]

_CHANGED_SHARE: Final = 0.2  # of the thresholds that descend from others

_Choice = TypeVar("_Choice")


def search_heuristic(
    config: SurrogateConfig,
    *,
    tries: int = 256,
    generations: int = 3,
    seed: int,
    on_progress: Callable[[float], None] = lambda _: None,
) -> HeuristicConfig:
    """Search for the thresholds with which the heuristic gains most on average.

    Args:
        config: The family of hosts.
        tries: Thresholds of the first generation, at least 1; later ones have half as many new.
        generations: Generations, at least 1.
        seed: Seed of the thresholds and of the episodes they are played on.
        on_progress: Told the share of the work that is over, in (0, 1].

    Returns:
        The thresholds. What they gain is to be measured on episodes of other seeds.

    Raises:
        ConfigError: If there is nothing to try.
    """
    return search_family(
        HeuristicFamily(config),
        tries=tries,
        generations=generations,
        seed=seed,
        on_progress=on_progress,
    )


class HeuristicFamily:
    """Thresholds of the heuristic.

    Args:
        config: The family of hosts they are for.
    """

    def __init__(self, config: SurrogateConfig) -> None:
        self._config = config

    def draw(self, rng: np.random.Generator) -> HeuristicConfig:
        """Draw thresholds at random, with any of the blueprints in any order."""
        config = self._config
        known = len(config.blueprints)
        blueprints = rng.permutation(known)[: rng.integers(1, known + 1)]
        return HeuristicConfig(
            blueprints=tuple(config.blueprints[index] for index in blueprints),
            style=_pick(list(Style), rng),
            tempo=_pick(list(Tempo), rng),
            alpha_target=_pick(list(AlphaTarget), rng),
            slot_order=_pick([SlotOrder.FIRST, SlotOrder.LAST], rng),
            max_concurrent=int(rng.integers(1, config.slots + 1)),
            harm_errors=float(rng.uniform(0, 3)),
            early_seeds=int(rng.integers(config.slots + 3)),
            plateau_epochs_to_germinate=int(rng.integers(5)),
            min_epochs_before_germinate=int(rng.integers(config.decision_epochs // 3)),
            spare_epochs=int(rng.integers(5)),
            prune_after_epochs_without_improvement=int(rng.integers(8)),
            max_stage_epochs=int(rng.integers(1, 15)),
            max_holding_epochs=int(rng.integers(1, 10)),
            prune_speed=_pick(list(AlphaSpeed), rng),
            prune_penalty=float(rng.uniform(0, 8)),
            fossilize_bonus=float(rng.uniform(0, 8)),
            good_points_per_percent=float(rng.uniform(0, 0.3)),
            standing_decay=float(rng.uniform(0, 1)),
        )

    def vary(self, parent: HeuristicConfig, rng: np.random.Generator) -> HeuristicConfig:
        """Draw thresholds of which most are those of others."""
        drawn = self.draw(rng)
        changed = [item.name for item in fields(HeuristicConfig) if rng.random() < _CHANGED_SHARE]
        return replace(parent, **{name: getattr(drawn, name) for name in changed})

    def play(self, candidates: Sequence[HeuristicConfig], seeds: range) -> NDArray[np.float64]:
        """Play the heuristic with each of C thresholds on the episodes of E seeds, ``[C, E]``."""
        env = SurrogateVectorEnv(len(seeds), self._config)
        gains = []
        for thresholds in candidates:
            controllers = [Heuristic(thresholds) for _ in seeds]
            outcomes = play_controllers(env, controllers, seed=seeds.start)
            gains.append(outcomes.score - outcomes.host_score)
        return np.array(gains)


def _pick(choices: Sequence[_Choice], rng: np.random.Generator) -> _Choice:
    return choices[int(rng.integers(len(choices)))]

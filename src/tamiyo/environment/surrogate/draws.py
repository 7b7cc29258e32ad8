"""Everything random of a synthetic episode, drawn when it begins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy import float64
from numpy.typing import NDArray

from tamiyo.contracts import Blueprint
from tamiyo.environment.surrogate.needs import NEEDS

if TYPE_CHECKING:
    from tamiyo.environment.surrogate.config import SurrogateConfig

__all__ = ["COURSE_COLUMNS", "EpisodeDraws", "draw_episode"]

Floats = NDArray[float64]

COURSE_COLUMNS: Final = 4
"""Noise columns of an epoch before those of the seeds: training accuracy, control accuracy, control
and training loss, committed accuracy."""


@dataclass
class EpisodeDraws:
    """Everything random of the episodes under way; the first axis of each array is N.

    Attributes:
        need: Index of the need among the configuration's, ``[N]``.
        plateau: Control accuracy the host alone tends to, points, ``[N]``.
        descent_epochs: Epochs in which it covers 63 % of the way there, ``[N]``.
        gap: Training accuracy less control accuracy in the end, points, ``[N]``.
        loss_offset: Relative excess of the losses over what the accuracy suggests, ``[N]``.
        lag_epochs: Epochs by which what is measured in training is behind, ``[N]``.
        accuracy_noise: Times the noise of a loss that accuracies have, ``[N]``.
        bias: Points by which the control split is easier than others, ``[N]``.
        memorizing: Points of training accuracy for every point of harm, ``[N]``.
        delay: Power of the share of the epochs that are over with which harm goes, ``[N]``.
        dependence: Points by which a contribution exceeds what a seed adds, ``[N]``.
        worth: Points of each blueprint in each slot, fully learned, ``[N, S, blueprints]``.
        noise: Standard normal draws for every epoch and measurement, ``[N, epochs + 1, columns]``.
    """

    need: NDArray[np.int64]
    plateau: Floats
    descent_epochs: Floats
    gap: Floats
    loss_offset: Floats
    lag_epochs: Floats
    accuracy_noise: Floats
    bias: Floats
    memorizing: Floats
    delay: Floats
    dependence: Floats
    worth: Floats
    noise: Floats

    @classmethod
    def stack(cls, draws: list[EpisodeDraws]) -> Self:
        """Put draws below each other."""
        return cls(
            **{
                item.name: np.concatenate([getattr(draw, item.name) for draw in draws])
                for item in fields(cls)
            }
        )

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """Return the draws of some environments, in the given order and as often as given."""
        cls = type(self)
        return cls(**{item.name: getattr(self, item.name)[rows] for item in fields(cls)})

    def put(self, index: int, draw: EpisodeDraws) -> None:
        """Replace one environment's draws by those of ``draw``, which has one."""
        for item in fields(self):
            getattr(self, item.name)[index] = getattr(draw, item.name)[0]


def _count_columns(slots: int) -> int:
    """Return how many noisy numbers an epoch has: the course, each seed, each pair of seeds."""
    return COURSE_COLUMNS + slots + slots * (slots - 1) // 2


def draw_episode(config: SurrogateConfig, rng: np.random.Generator) -> EpisodeDraws:
    """Draw one episode's hidden numbers and all of its noise, so that its steps draw nothing.

    Args:
        config: The family of hosts.
        rng: The environment's own generator.

    Returns:
        Draws of one environment, N = 1.
    """
    index = int(rng.integers(len(config.needs)))
    need = NEEDS[config.needs[index]]
    v = config.variation
    shift = rng.standard_normal(4)
    weights = np.resize(need.slot_weights, config.slots)
    worth = np.zeros((config.slots, len(Blueprint)))
    for blueprint, points in need.worth.items():
        worth[:, blueprint] = points * weights
    strength = np.exp(0.2 * v * rng.standard_normal())
    luck = np.exp(0.2 * v * rng.standard_normal((config.slots, len(Blueprint))))
    positive = worth > 0
    worth[positive] *= (strength * luck)[positive]
    noise = rng.standard_normal((config.max_epochs + 1, _count_columns(config.slots)))
    bias = need.bias_points * float(rng.standard_normal()) if need.bias_points else 0.0
    lag = need.lag_epochs * float(np.exp(0.5 * v * rng.standard_normal())) if need.lag_epochs else 0

    def one(value: float) -> Floats:
        return np.array([value])

    return EpisodeDraws(
        need=np.array([index]),
        plateau=one(need.plateau + v * shift[0]),
        descent_epochs=one(need.descent_epochs * np.exp(0.15 * v * shift[1])),
        gap=one(need.gap + 0.5 * v * shift[2]),
        loss_offset=one(need.loss_offset + 0.05 * v * shift[3]),
        lag_epochs=one(lag),
        accuracy_noise=one(need.accuracy_noise),
        bias=one(bias),
        memorizing=one(need.memorizing),
        delay=one(need.delay),
        dependence=one(need.dependence),
        worth=worth[np.newaxis],
        noise=config.noise_points * noise[np.newaxis],
    )

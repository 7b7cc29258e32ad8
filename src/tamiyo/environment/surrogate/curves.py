"""The synthetic course of training: what an epoch measures, and the final score.

The host alone approaches its plateau exponentially. A seed that has learned the share l of what it
can, with influence a, is worth ``w * l * a (2 b - a) / b ** 2`` points, where w depends on need,
slot, blueprint and style and b is the seed's best influence; an untrained seed with influence does
harm.
The worth S of all seeds together enters as ``M (1 - exp(-S / M))``: returns diminish. Switching a
seed off costs what it adds and ``d * l * a`` points more, where d is how much the need makes the
rest of the network lean on its seeds.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy import float64
from numpy.typing import NDArray

from tamiyo.contracts import Blueprint, SeedStage, Style
from tamiyo.environment.surrogate.draws import COURSE_COLUMNS
from tamiyo.environment.surrogate.needs import PAIRS, SEEDS

if TYPE_CHECKING:
    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.environment.surrogate.draws import EpisodeDraws

__all__ = [
    "INFLUENTIAL",
    "Measurement",
    "SeedState",
    "compute_gain",
    "compute_host_accuracy",
    "compute_learning_rates",
    "compute_pairs",
    "compute_rent",
    "compute_score",
    "compute_worths",
    "measure",
]

Floats = NDArray[float64]

_CHANCE_POINTS: Final = 10.0
_LOSS_PER_ERROR: Final = 2.3 / 0.9  # nats: a host at chance has the initial loss
_LOSS_NOISE: Final = 0.01  # nats per point of noise in the accuracy
_GAP_EPOCHS: Final = 8.0
_OFFSET_EPOCHS: Final = 2.0
_UNTRAINED_HARM: Final = 6.0  # points
_UNRECOVERED: Final = 0.5  # share of what leaned on a seed that the closing epochs do not restore
_TRAINED_SHARE: Final = 0.35  # of what it can learn: above it a seed does no harm

INFLUENTIAL: Final = np.isin(
    np.arange(-1, len(SeedStage) + 1),
    [SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED],
)
"""Stage plus 1 to whether a seed in it takes part in the network's output; 0 is the free slot."""


class SeedState(NamedTuple):
    """What the curves need to know of the seeds; every array is ``[N, S]``.

    Attributes:
        stage: Stage of the slot, -1 where it is free.
        blueprint: Blueprint of the seed, 0 where there is none.
        style: Style of the seed.
        alpha: Its influence, in [0, 1].
        target: Influence it is to reach, in (0, 1].
        learned: Share of what it can learn that it has learned, in [0, 1].
    """

    stage: NDArray[np.int8]
    blueprint: NDArray[np.int8]
    style: NDArray[np.int8]
    alpha: Floats
    target: Floats
    learned: Floats


class Measurement(NamedTuple):
    """What one epoch measures; NaN where there was nothing to measure.

    Attributes:
        train_accuracy: Points, ``[N]``.
        train_loss: Nats, ``[N]``.
        control_accuracy: Points, ``[N]``.
        control_loss: Nats, ``[N]``.
        committed_accuracy: Control accuracy with every uncommitted seed off, points, ``[N]``.
        contribution: Points a seed with influence is worth on rather than off, ``[N, S]``.
        shadow_gain: Points a seed without influence would be worth at its target, ``[N, S]``.
        interaction: Points of the pairs a seed is in, ``[N, S]``.
        boost: Points of the best of those pairs, at least 0, ``[N, S]``.
    """

    train_accuracy: Floats
    train_loss: Floats
    control_accuracy: Floats
    control_loss: Floats
    committed_accuracy: Floats
    contribution: Floats
    shadow_gain: Floats
    interaction: Floats
    boost: Floats


def compute_learning_rates(blueprint: NDArray[np.int8]) -> Floats:
    """Return the share of what is left to learn that a seed learns per epoch, in [0, 1)."""
    rates: Floats = _LEARNING_RATES[blueprint]
    return rates


def compute_host_accuracy(draws: EpisodeDraws, epoch: NDArray[np.int64] | Floats) -> Floats:
    """Return the control accuracy of the host alone, without noise, points, ``[N]``."""
    covered: Floats = -np.expm1(-epoch / draws.descent_epochs)
    return _CHANCE_POINTS + (draws.plateau - _CHANCE_POINTS) * covered


def compute_gain(config: SurrogateConfig, worths: Floats, pairs: Floats) -> Floats:
    """Return what seeds add together.

    Args:
        config: The family of hosts.
        worths: Worth of each seed as it stands, points, ``[..., S]``; 0 switches it off.
        pairs: Sum over the pairs of seeds of what they add to each other, points, ``[...]``.

    Returns:
        Points, ``[...]``.
    """
    total: Floats = worths.sum(-1) + pairs
    most = config.most_points
    return np.where(total > 0, most * -np.expm1(-np.maximum(total, 0) / most), total)


def compute_rent(
    config: SurrogateConfig, counts: NDArray[np.bool_], seeds: SeedState
) -> tuple[Floats, NDArray[np.int64]]:
    """Return rent in points and parameters, both ``[N]``, of the host with some of its seeds.

    Args:
        config: The family of hosts.
        counts: Which seeds belong to the network, ``[N, S]``.
        seeds: The seeds.
    """
    gated = np.where(seeds.style == Style.GATED_GATE, config.gate_parameters, 0)
    added = np.where(counts, _PARAMETERS[seeds.blueprint] + gated, 0).sum(1)
    return config.rent_points * np.log1p(added / config.host_parameters), added


def measure(
    config: SurrogateConfig, draws: EpisodeDraws, epoch: NDArray[np.int64], seeds: SeedState
) -> Measurement:
    """Measure one epoch.

    Args:
        config: The family of hosts.
        draws: The episodes' hidden numbers.
        epoch: Epochs completed, ``[N]``; 0 is the validation before training.
        seeds: The seeds after the epoch.
    """
    noise = draws.noise[np.arange(len(epoch)), epoch]
    course, of_seeds, of_pairs = np.split(noise, [COURSE_COLUMNS, COURSE_COLUMNS + config.slots], 1)
    active = INFLUENTIAL[seeds.stage + 1] & (seeds.alpha > 0)
    over = epoch / config.max_epochs
    worths = np.where(active, compute_worths(draws, seeds, seeds.alpha, over), 0.0)
    gains = _switch_off(config, seeds, active, worths)
    leaning = draws.dependence[:, np.newaxis] * seeds.learned * seeds.alpha
    each_off = gains[2 : 2 + config.slots].T - leaning
    contribution = gains[0][:, np.newaxis] - each_off + of_seeds
    interaction, boost = _measure_pairs(gains, active, of_pairs)
    return Measurement(
        **_measure_course(draws, epoch, gains, np.maximum(-worths, 0.0).sum(1), course),
        contribution=np.where(active, contribution, np.nan),
        shadow_gain=_measure_shadow(config, draws, seeds, worths, of_seeds, over=over),
        interaction=interaction,
        boost=boost,
    )


def compute_score(config: SurrogateConfig, draws: EpisodeDraws, seeds: SeedState) -> Floats:
    """Return the score after the closing epochs: accuracy of the committed network less rent.

    Args:
        config: The family of hosts.
        draws: The episodes' hidden numbers.
        seeds: The seeds after the last decision's epoch.

    Returns:
        Points, without noise, ``[N]``.
    """
    committed = seeds.stage == SeedStage.FOSSILIZED
    left = (1 - compute_learning_rates(seeds.blueprint)) ** config.closing_epochs
    seeds = seeds._replace(learned=1 - (1 - seeds.learned) * left)
    worths = np.where(committed, compute_worths(draws, seeds, seeds.alpha), 0.0)
    pairs = compute_pairs(seeds, np.where(committed, seeds.learned * seeds.alpha, 0.0))
    abandoned = INFLUENTIAL[seeds.stage + 1] & ~committed
    missed = draws.dependence * np.where(abandoned, seeds.learned * seeds.alpha, 0.0).sum(1)
    last = np.full(len(worths), config.max_epochs)
    gain = compute_gain(config, worths, _sum_pairs(pairs, committed[np.newaxis])[0])
    rent = compute_rent(config, committed, seeds)[0]
    score: Floats = compute_host_accuracy(draws, last) + gain - _UNRECOVERED * missed - rent
    return score


def _switch_off(
    config: SurrogateConfig, seeds: SeedState, active: NDArray[np.bool_], worths: Floats
) -> Floats:
    """Return the gain of every variant, ``[V, N]``: all on, committed only, each off, pairs off."""
    pairs = compute_pairs(seeds, np.where(active, seeds.learned * seeds.alpha, 0.0))
    variants = _list_variants(config.slots)
    on = np.repeat(variants[:, np.newaxis], len(worths), axis=1)
    on[1] = seeds.stage == SeedStage.FOSSILIZED
    return compute_gain(config, worths * on, _sum_pairs(pairs, on))


def _measure_course(
    draws: EpisodeDraws, epoch: NDArray[np.int64], gains: Floats, harm: Floats, noise: Floats
) -> dict[str, Floats]:
    """Measure accuracies and losses, each ``[N]``, by their names in :class:`Measurement`."""
    host = compute_host_accuracy(draws, epoch)
    true = host + gains[0]
    gap = draws.gap * -np.expm1(-epoch / _GAP_EPOCHS)
    memorized = draws.memorizing * harm
    lag = host - compute_host_accuracy(draws, np.maximum(epoch - draws.lag_epochs, 0.0))
    learned = true + gap - lag + memorized
    fine, coarse = noise[:, 0], draws.accuracy_noise * noise[:, 0]
    train = np.clip(learned + coarse, 0.0, 100.0)
    control = np.clip(true + draws.bias + draws.accuracy_noise * noise[:, 1], 0.0, 100.0)
    committed = np.clip(host + gains[1] + noise[:, 3], 0.0, 100.0)
    offset = 1 + draws.loss_offset * -np.expm1(-epoch / _OFFSET_EPOCHS)
    trained = np.where(epoch > 0, 0.0, np.nan)
    return {
        "train_accuracy": train + trained,
        "train_loss": _compute_loss(np.clip(learned + fine, 0.0, 100.0), offset, noise[:, 2])
        + trained,
        "control_accuracy": control,
        "control_loss": _compute_loss(true, offset, noise[:, 2]),
        "committed_accuracy": committed,
    }


def compute_worths(
    draws: EpisodeDraws, seeds: SeedState, alpha: Floats, over: Floats | None = None
) -> Floats:
    """Return what each seed is worth at some influence, points, ``[N, S]``.

    Args:
        draws: The episodes' hidden numbers.
        seeds: The seeds; their own influence does not count here.
        alpha: The influence, in [0, 1], ``[N, S]``.
        over: Share of the epochs that are over, in [0, 1], ``[N]``; all of them if not given.
    """
    full = np.take_along_axis(draws.worth, seeds.blueprint[..., np.newaxis], 2)[..., 0]
    if over is not None:
        full = np.where(full < 0, full * (over**draws.delay)[:, np.newaxis], full)
    best = _BEST_ALPHA[seeds.blueprint]
    response = alpha * (2 * best - alpha) / best**2
    harm = _UNTRAINED_HARM * alpha * np.maximum(_TRAINED_SHARE - seeds.learned, 0)
    return full * _STYLE_SHARES[seeds.blueprint, seeds.style] * response * seeds.learned - harm


def compute_pairs(seeds: SeedState, presence: Floats) -> Floats:
    """Return what each pair of slots adds, points, ``[N, P]``.

    Args:
        seeds: The seeds.
        presence: Learned share times influence of each seed, 0 switches it off, ``[N, S]``.
    """
    first, second = _pair_slots(presence.shape[1])
    points: Floats = _PAIR_POINTS[seeds.blueprint[:, first], seeds.blueprint[:, second]]
    return points * np.sqrt(presence[:, first] * presence[:, second])


def _sum_pairs(pairs: Floats, on: NDArray[np.bool_]) -> Floats:
    """Sum the pairs of which both are on; ``on`` is ``[V, N, S]``, the result ``[V, N]``."""
    first, second = _pair_slots(on.shape[2])
    total: Floats = (pairs * (on[..., first] & on[..., second])).sum(-1)
    return total


def _measure_pairs(
    gains: Floats, active: NDArray[np.bool_], noise: Floats
) -> tuple[Floats, Floats]:
    """Measure every pair by inclusion and exclusion and hand it to both of its slots."""
    slots = active.shape[1]
    first, second = _pair_slots(slots)
    off = gains[2 : 2 + slots]
    points = (gains[0] - off[first] - off[second] + gains[2 + slots :]).T + noise
    measured = active[:, first] & active[:, second]
    total = np.full(active.shape, np.nan)
    best = np.full(active.shape, np.nan)
    for slot in range(slots):
        member = (first == slot) | (second == slot)
        seen = measured[:, member]
        has = seen.any(1)
        own = points[:, member]
        total[has, slot] = np.where(seen, own, 0.0).sum(1)[has]
        best[has, slot] = np.where(seen, own, 0.0).max(1, initial=0.0)[has]
    return total, best


def _measure_shadow(
    config: SurrogateConfig,
    draws: EpisodeDraws,
    seeds: SeedState,
    worths: Floats,
    noise: Floats,
    *,
    over: Floats,
) -> Floats:
    """Measure what an incubating seed would add at its target, points, ``[N, S]``."""
    incubating = (seeds.stage == SeedStage.TRAINING) & (seeds.learned > 0)
    if not incubating.any():
        return np.full(worths.shape, np.nan)
    intended = compute_worths(draws, seeds, seeds.target, over)
    none = np.zeros(len(worths))
    before = compute_gain(config, worths, none)[:, np.newaxis]
    after = compute_gain(
        config,
        worths[:, np.newaxis] + np.eye(config.slots) * intended[:, np.newaxis],
        none[:, None],
    )
    return np.where(incubating, after - before + noise, np.nan)


def _compute_loss(accuracy: Floats, offset: Floats, noise: Floats) -> Floats:
    error = np.maximum(100.0 - accuracy, 0.5) / 100
    return np.maximum(_LOSS_PER_ERROR * error * offset + _LOSS_NOISE * noise, 0.0)


def _pair_slots(slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pairs = np.array(list(combinations(range(slots), 2)), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _list_variants(slots: int) -> NDArray[np.bool_]:
    """Return which slots are on: all, once more for the committed, each off, each pair off."""
    first, second = _pair_slots(slots)
    on = np.ones((2 + slots + len(first), slots), dtype=bool)
    on[2 + np.arange(slots), np.arange(slots)] = False
    rows = 2 + slots + np.arange(len(first))
    on[rows, first] = False
    on[rows, second] = False
    return on


def _tabulate(values: dict[Blueprint, float], fill: float) -> Floats:
    table = np.full(len(Blueprint), fill)
    for blueprint, value in values.items():
        table[blueprint] = value
    return table


_PARAMETERS: Final = _tabulate({b: traits.parameters for b, traits in SEEDS.items()}, 0).astype(
    np.int64
)
_BEST_ALPHA: Final = _tabulate({b: traits.best_alpha for b, traits in SEEDS.items()}, 1.0)
_LEARNING_RATES: Final = _tabulate(
    {b: -float(np.expm1(-1 / traits.learning_epochs)) for b, traits in SEEDS.items()}, 0.0
)
_STYLE_SHARES: Final = np.ones((len(Blueprint), len(Style)))
_PAIR_POINTS: Final = np.zeros((len(Blueprint), len(Blueprint)))
for _blueprint, _traits in SEEDS.items():
    _STYLE_SHARES[_blueprint] = _traits.styles
for (_one, _other), _points in PAIRS.items():
    _PAIR_POINTS[_one, _other] = _PAIR_POINTS[_other, _one] = _points

"""What a controller could gain that knew an episode's hidden numbers in advance.

Every way to fill the slots is evaluated in closed form, without noise and without gates. Seeds are
planted and advanced one after the other from the first decision on, so the n-th begins to learn in
epoch 2 n, and no controller can have n seeds learn for longer than that.
"""

from __future__ import annotations

from itertools import permutations, product
from math import factorial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import AlphaTarget, Blueprint, ConfigError, SeedStage, Style
from tamiyo.environment.surrogate.curves import (
    SeedState,
    compute_gain,
    compute_learning_rates,
    compute_pairs,
    compute_rent,
    compute_worths,
)
from tamiyo.environment.surrogate.needs import SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.environment.surrogate.draws import EpisodeDraws

__all__ = ["ClairvoyantPlan", "check_boundable", "compute_clairvoyant"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OPS_TO_LEARN: Final = 2  # germinate, advance
_OPS_TO_COMMIT: Final = 4  # and advance to HOLDING, fossilize
_CHUNK: Final = 500_000  # networks evaluated at once
_MOST_NETWORKS: Final = 10_000_000  # per episode, about a second of work


class ClairvoyantPlan(NamedTuple):
    """The best network of each episode; N episodes, S slots.

    Attributes:
        gain: Score beyond the host's own, points, at least 0, ``[N]``.
        blueprint: Blueprint in each slot, NOOP for none, ``[N, S]``.
        style: Its style, ``[N, S]``.
        alpha_target: Its alpha target, ``[N, S]``.
        order: When it is planted: 1 for the first, 0 for never, ``[N, S]``.
    """

    gain: Floats
    blueprint: Ints
    style: Ints
    alpha_target: Ints
    order: Ints


class _Networks(NamedTuple):
    """Ways to fill the slots; C ways to fill one, K ways to fill all.

    Attributes:
        fills: Blueprint, style and alpha target of each way to fill one slot, ``[C, 3]``.
        chosen: What each network has in each slot, ``[K, S]``.
        rent: What its size costs, points, ``[K]``.
    """

    fills: Ints
    chosen: Ints
    rent: Floats


def compute_clairvoyant(config: SurrogateConfig, draws: EpisodeDraws) -> ClairvoyantPlan:
    """Find the best network of each episode: an upper bound for every controller.

    A seed that does harm is taken in, if at all, for what it adds to another one; that it might do
    so best half learned is left out.

    Args:
        config: The family of hosts.
        draws: Hidden numbers of N episodes.

    Returns:
        The networks and what they gain.

    Raises:
        ConfigError: As :func:`check_boundable` does.
    """
    check_boundable(config)
    networks = _list_networks(config)
    rows = max(1, _CHUNK // len(networks.rent))
    parts = [
        _search(config, draws.take(slice(start, start + rows)), networks)
        for start in range(0, len(draws.need), rows)
    ]
    return ClairvoyantPlan(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def check_boundable(config: SurrogateConfig) -> None:
    """Refuse a family with more ways to fill its slots than can be tried.

    Args:
        config: The family of hosts.

    Raises:
        ConfigError: If it has.
    """
    fills = 1 + sum(len(list(_list_fills(blueprint))) for blueprint in config.blueprints)
    networks = fills**config.slots * factorial(config.slots)
    if networks > _MOST_NETWORKS:
        message = (
            f"networks that a clairvoyant must try per episode must be at most "
            f"{_MOST_NETWORKS:,}, got {networks:,} ({fills} ways to fill each of {config.slots} "
            "slots, planted in any order): take fewer slots or blueprints"
        )
        raise ConfigError(message)


def _search(config: SurrogateConfig, draws: EpisodeDraws, networks: _Networks) -> ClairvoyantPlan:
    """Try every network in every order of planting."""
    worths = _tabulate_worths(config, draws, networks.fills)
    pairs = _tabulate_pairs(config, networks.fills)
    gain = np.full(len(draws.need), -np.inf)
    network = np.zeros(len(gain), dtype=np.int64)
    place = np.zeros((len(gain), config.slots), dtype=np.int64)
    for order in permutations(range(config.slots)):
        total = _sum_worths(worths, pairs, networks.chosen, order)
        net = compute_gain(config, total[..., np.newaxis], np.zeros(1)) - networks.rent
        best = net.argmax(axis=1)
        reached = net[np.arange(len(gain)), best]
        better = reached > gain
        gain[better], network[better], place[better] = reached[better], best[better], order
    chosen = networks.chosen[network]
    blueprint, style, alpha_target = np.moveaxis(networks.fills[chosen], -1, 0)
    return ClairvoyantPlan(gain, blueprint, style, alpha_target, _rank(place, chosen > 0))


def _sum_worths(worths: Floats, pairs: Floats, chosen: Ints, order: tuple[int, ...]) -> Floats:
    """Return the worth of all seeds of each network together, ``[N, K]``."""
    total = np.zeros((len(worths), len(chosen)))
    for slot, place in enumerate(order):
        total += worths[:, slot, chosen[:, slot], place]
        for other in range(slot):
            total += pairs[chosen[:, other], order[other], chosen[:, slot], place]
    return total


def _rank(place: Ints, is_planted: NDArray[np.bool_]) -> Ints:
    """Number the planted slots from 1 by their places, 0 for the others, ``[N, S]``."""
    is_later = place[:, :, np.newaxis] >= place[:, np.newaxis, :]
    return np.where(is_planted, (is_later & is_planted[:, np.newaxis, :]).sum(axis=2), 0)


def _list_networks(config: SurrogateConfig) -> _Networks:
    """List every network that the budget allows and the decisions suffice for, none first."""
    fills = np.array(
        [
            (Blueprint.NOOP, Style.SIGMOID_ADD, AlphaTarget.FULL),
            *(fill for blueprint in config.blueprints for fill in _list_fills(blueprint)),
        ]
    )
    chosen = np.array(list(product(range(len(fills)), repeat=config.slots)))
    ops = _OPS_TO_COMMIT + config.lifecycle.incubate
    chosen = chosen[(chosen > 0).sum(axis=1) * ops <= config.decision_epochs]
    seeds = _fill_slots(config, fills[chosen], 0)
    rent, added = compute_rent(config, chosen > 0, seeds)
    if config.max_parameters is not None:
        fits = (added == 0) | (config.host_parameters + added <= config.max_parameters)
        chosen, rent = chosen[fits], rent[fits]
    return _Networks(fills, chosen, rent)


def _list_fills(blueprint: Blueprint) -> Iterator[tuple[Blueprint, Style, AlphaTarget]]:
    """List the ways to compose a seed: its best style, with and without a gate, at any alpha."""
    shares = dict(zip(Style, SEEDS[blueprint].styles, strict=True))
    best = max(set(Style) - {Style.GATED_GATE}, key=lambda style: (shares[style], style))
    styles = [best] if shares[best] >= shares[Style.GATED_GATE] else [best, Style.GATED_GATE]
    yield from product([blueprint], styles, AlphaTarget)


def _tabulate_worths(config: SurrogateConfig, draws: EpisodeDraws, fills: Ints) -> Floats:
    """Return the worth of each fill in each slot by the place in the order, ``[N, S, C, S]``."""
    shape = len(draws.need), config.slots
    worths = np.zeros((*shape, len(fills), config.slots))
    for fill, place in product(range(len(fills)), range(config.slots)):
        seeds = _fill_slots(config, np.broadcast_to(fills[fill], (*shape, 3)), place)
        worths[:, :, fill, place] = compute_worths(draws, seeds, seeds.alpha)
    return worths


def _tabulate_pairs(config: SurrogateConfig, fills: Ints) -> Floats:
    """Return what two seeds add to each other by fill and place of each, ``[C, S, C, S]``."""
    shape = (len(fills), config.slots) * 2
    fill, place, other_fill, other_place = (axis.ravel() for axis in np.indices(shape))
    both = np.stack([fill, other_fill], axis=1)
    seeds = _fill_slots(config, fills[both], np.stack([place, other_place], axis=1))
    return compute_pairs(seeds, seeds.learned * seeds.alpha).reshape(shape)


def _fill_slots(config: SurrogateConfig, filled: Ints, place: Ints | int) -> SeedState:
    """Return seeds as they are after the last epoch; ``filled`` is ``[..., S, 3]``."""
    blueprint, style, alpha_target = np.moveaxis(filled, -1, 0).astype(np.int8)
    alpha = np.where(blueprint == Blueprint.NOOP, 0.0, _ALPHAS[alpha_target])
    first_epoch = _OPS_TO_LEARN * (np.asarray(place) + 1)
    epochs = np.maximum(config.max_epochs - first_epoch + 1, 0)
    return SeedState(
        stage=np.full(blueprint.shape, SeedStage.FOSSILIZED, dtype=np.int8),
        blueprint=blueprint,
        style=style,
        alpha=alpha,
        target=alpha,
        learned=1 - (1 - compute_learning_rates(blueprint)) ** epochs,
    )


_ALPHAS: Final = np.array([target.alpha for target in AlphaTarget])

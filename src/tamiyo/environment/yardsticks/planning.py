"""The most that any controller can gain on a small surrogate, found exactly.

Without noise and variation, nothing of an episode is unknown but its need. All that a controller
knows is then what its seed is like and which needs are still possible. Dynamic programming over
these information states (Kaelbling, Littman and Cassandra 1998, "Planning and acting in partially
observable stochastic domains") weighs every legal action in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamiyo.environment.yardsticks.simulator import Simulator, number_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.contracts import ActionSpec
    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.environment.yardsticks.simulator import Hosts

__all__ = ["Plan", "list_actions", "solve"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NONE: Final = -1
_SAME_LOOK: Final = 1e-6  # difference of observations, about 1 in size, that shows nothing
_SAME_GAIN: Final = 1e-9  # points


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the best controller does, and what it sees; K needs, T decisions.

    Attributes:
        gain: Expected gain over the host alone, the needs equally likely, points.
        gain_by_need: The same on a host of each need, ``[K]``.
        actions: What it does on a host of each need, ``[K, T, H]``; those of needs that have looked
            alike so far are the same.
        observations: What it sees before each decision, ``[K, T, F]``, float32.
    """

    gain: float
    gain_by_need: Floats
    actions: Ints
    observations: NDArray[np.float32]

    def decide(self, history: NDArray[np.float32]) -> Ints:
        """Return the next action in each of N episodes.

        Args:
            history: The observations before each decision up to this one, ``[N, t, F]``.

        Returns:
            One index per head, ``[N, H]``.
        """
        t = history.shape[1]
        distance = np.abs(history[:, np.newaxis] - self.observations[:, :t]).max(axis=(2, 3))
        actions: Ints = self.actions[distance.argmin(axis=1), t - 1]
        return actions


class _Knowledge(NamedTuple):
    """The information states before one decision.

    Attributes:
        hosts: Hosts as they may be.
        row: Which of them it is in each state if it has a certain need; -1 where that is known not
            to be so, ``[states, K]``.
    """

    hosts: Hosts
    row: Ints


class _Layer(NamedTuple):
    """The choices before one decision.

    Attributes:
        state: Number of the information state in which each can be made, ascending, ``[C]``.
        actions: The action, ``[C, H]``.
        following: Number of the state it leads to if the host has a certain need; -1 where that is
            known not to be so, ``[C, K]``.
    """

    state: Ints
    actions: Ints
    following: Ints


def solve(
    config: SurrogateConfig,
    *,
    is_watching: bool = True,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Plan:
    """Find a controller that gains the most on average.

    Args:
        config: The family of hosts: one slot, no noise, no variation.
        is_watching: Whether it sees anything; one that does not makes the same decisions on every
            host, and those that are illegal become WAIT.
        on_progress: Told the share of the decisions that is over, in (0, 1].

    Raises:
        ConfigError: If the family is too large or draws more than the need.
    """
    simulator = Simulator(config)
    needs = np.arange(len(config.needs))
    hosts = simulator.begin()
    first, knowledge = _merge(
        simulator, hosts, np.zeros_like(needs), needs, is_watching=is_watching
    )
    layers = []
    for epoch in range(config.decision_epochs):
        layer, knowledge = _expand(simulator, knowledge, is_watching=is_watching)
        layers.append(layer)
        on_progress((epoch + 1) / config.decision_epochs)
    gains = simulator.compute_gain(knowledge.hosts)
    values = _average(gains[knowledge.row], knowledge.row != _NONE)
    return _follow(simulator, layers, _choose(layers, values), first[0])


def list_actions(spec: ActionSpec, masks: Bools) -> tuple[Ints, Ints]:
    """List every legal action, head by head.

    Args:
        spec: The heads.
        masks: Flat conditional masks, ``[N, spec.mask_size]``.

    Returns:
        The row of each action, ascending, ``[C]``, and the actions, ``[C, H]``.
    """
    rows = np.arange(len(masks))
    actions = np.zeros((len(masks), len(spec.heads)), dtype=np.int64)
    heads = zip(spec.mask_slices, spec.mask_shapes, spec.parent_positions, strict=True)
    for position, (where, shape, parents) in enumerate(heads):
        of_head = masks[:, where].reshape(len(masks), *shape)
        legal = of_head[(rows, *actions[:, list(parents)].T)]
        source, choice = np.nonzero(legal)
        rows, actions = rows[source], actions[source]
        actions[:, position] = choice
    return rows, actions


def _expand(
    simulator: Simulator, knowledge: _Knowledge, *, is_watching: bool
) -> tuple[_Layer, _Knowledge]:
    """Make every choice in every information state."""
    hosts, row = knowledge
    masks = simulator.compute_masks(hosts)
    state, _ = is_possible = np.nonzero(row != _NONE)
    starts = np.searchsorted(state, np.arange(len(row)))
    legal = np.logical_or.reduceat(masks[row[is_possible]], starts)
    state, actions = list_actions(simulator.spec, legal)
    choice, need = np.nonzero(row[state] != _NONE)
    after = simulator.step(hosts, masks, row[state][choice, need], actions[choice])
    following, knowledge = _merge(simulator, after, choice, need, is_watching=is_watching)
    return _Layer(state, actions, following), knowledge


def _merge(
    simulator: Simulator, hosts: Hosts, choice: Ints, need: Ints, *, is_watching: bool
) -> tuple[Ints, _Knowledge]:
    """Find out what can be known after some choices, each state once.

    Args:
        simulator: Knows which hosts have the same future.
        hosts: What became of the hosts, R rows.
        choice: The choice that led to each, ascending, ``[R]``.
        need: Their need, ``[R]``.
        is_watching: Whether needs can be told apart by what is seen.

    Returns:
        Number of the state that follows each choice on a host of each need, ``[C, K]``, and what
        these states are.
    """
    shape = choice[-1] + 1, len(simulator.config.needs)
    row = np.full(shape, _NONE)
    row[choice, need] = np.arange(len(choice))
    looks_like = _tell_apart(simulator, hosts, row) if is_watching else np.zeros(shape, np.int64)
    # Hosts that look alike after the same choice are one piece of knowledge, a row of the table.
    _, piece = np.unique(choice * shape[1] + looks_like[choice, need], return_inverse=True)
    table = np.full((2, piece.max() + 1, shape[1]), _NONE)
    table[0, piece, need] = simulator.identify(hosts)
    table[1, piece, need] = np.arange(len(choice))
    _, first, state = np.unique(
        number_rows(list(table[0].T)), return_index=True, return_inverse=True
    )
    following = np.full(shape, _NONE)
    following[choice, need] = state[piece]
    row = table[1, first]
    kept, row[row != _NONE] = np.unique(row[row != _NONE], return_inverse=True)
    return following, _Knowledge({name: array[kept] for name, array in hosts.items()}, row)


def _tell_apart(simulator: Simulator, hosts: Hosts, row: Ints) -> Ints:
    """Return for each choice and need the first need that looks the same, ``[C, K]``."""
    looks_like = np.tile(np.arange(row.shape[1]), (len(row), 1))
    for need in range(row.shape[1]):
        for other in range(need):
            is_both = (row[:, need] != _NONE) & (row[:, other] != _NONE)
            choices = np.flatnonzero(is_both & (looks_like[:, need] == need))
            if not choices.size:
                continue
            seen = [_look(simulator, hosts, row[choices, either]) for either in (need, other)]
            is_same = np.abs(seen[0] - seen[1]).max(axis=1) <= _SAME_LOOK
            looks_like[choices[is_same], need] = other
    return looks_like


def _look(simulator: Simulator, hosts: Hosts, rows: Ints) -> Floats:
    """Return all that is seen of some hosts, the masks included, ``[R, ...]``."""
    chosen = {name: array[rows] for name, array in hosts.items()}
    return np.hstack([simulator.observe(chosen), simulator.compute_masks(chosen)])


def _average(values: Floats, is_possible: Bools) -> Floats:
    """Average over the needs that are possible, ``[N]``."""
    average: Floats = np.where(is_possible, values, 0.0).sum(axis=1) / is_possible.sum(axis=1)
    return average


def _choose(layers: list[_Layer], values: Floats) -> list[Ints]:
    """Find the best choice in every state, from the last decision to the first.

    Args:
        layers: The choices before each decision.
        values: Expected gain of each state after the last one, points.

    Returns:
        For each layer the number of the best choice of each state; of equally good ones the first.
    """
    choices = []
    for layer in reversed(layers):
        expected = _average(values[layer.following], layer.following != _NONE)
        starts = np.flatnonzero(np.diff(layer.state, prepend=_NONE))
        values = np.maximum.reduceat(expected, starts)
        good = np.flatnonzero(expected >= values[layer.state] - _SAME_GAIN)
        _, first = np.unique(layer.state[good], return_index=True)
        choices.append(good[first])
    return choices[::-1]


def _follow(simulator: Simulator, layers: list[_Layer], choices: list[Ints], state: Ints) -> Plan:
    """Play the best choices on a host of each need, which begins in ``state``, ``[K]``."""
    hosts = simulator.begin()
    needs = np.arange(len(state))
    actions, observations = [], []
    for layer, best in zip(layers, choices, strict=True):
        choice = best[state]
        actions.append(layer.actions[choice])
        observations.append(simulator.observe(hosts))
        hosts = simulator.step(hosts, simulator.compute_masks(hosts), needs, actions[-1])
        state = layer.following[choice, needs]
    gain = simulator.compute_gain(hosts)
    return Plan(
        gain=float(gain.mean()),
        gain_by_need=gain,
        actions=np.stack(actions, axis=1),
        observations=np.stack(observations, axis=1),
    )

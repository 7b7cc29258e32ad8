"""Simulator: surrogate hosts as rows of a table, to be stepped in any order and as often as wanted.

One row is one host at one moment. Without noise and variation, what becomes of it depends on the
row and the action alone, which is what planning needs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import AlphaMode, ConfigError, SeedStage, build_action_spec
from tamiyo.environment.surrogate.draws import EpisodeDraws, draw_episode
from tamiyo.environment.surrogate.world import SurrogateWorld
from tamiyo.observation import (
    ObservationEncoder,
    build_layout,
    canonicalize_actions,
    compute_action_masks,
    is_allowed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tamiyo.environment.surrogate.config import SurrogateConfig

__all__ = ["Hosts", "Simulator", "number_rows"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Hosts: TypeAlias = "dict[str, NDArray[Any]]"
"""Arrays of a world by name; the first axis of each is the row."""

_CHUNK: Final = 8192  # rows stepped at once
_DECIMALS: Final = 9  # up to which two numbers of a state are one


class Simulator:
    """Steps hosts of one family that has one slot and draws nothing but the need.

    Args:
        config: The family of hosts.

    Raises:
        ConfigError: If there are more slots, or there is noise or variation.

    Attributes:
        config: The family of hosts.
        spec: The heads of the action.
    """

    def __init__(self, config: SurrogateConfig) -> None:
        if config.slots > 1 or config.noise_points > 0 or config.variation > 0:
            message = (
                "slots, noise_points and variation must be 1, 0 and 0 to be planned for, got "
                f"{config.slots}, {config.noise_points:g} and {config.variation:g}"
            )
            raise ConfigError(message)
        self.config = config
        self.spec = build_action_spec(config.slot_ids)
        layout = build_layout(config.slots, telemetry=config.telemetry)
        self._encoder = ObservationEncoder(layout, config.task)

    def begin(self) -> Hosts:
        """Return a host of each need before its first decision, K rows in the order of needs."""
        rng = np.random.default_rng(0)
        families = [replace(self.config, needs=(name,)) for name in self.config.needs]
        world = SurrogateWorld(len(families), self.config)
        world.draws = EpisodeDraws.stack([draw_episode(family, rng) for family in families])
        world.begin(np.ones(len(families), dtype=np.bool_))
        return world.collect_state()

    def step(self, hosts: Hosts, masks: Bools, rows: Ints, actions: Ints) -> Hosts:
        """Let one epoch pass over some of the hosts.

        Args:
            hosts: The hosts.
            masks: What is legal on each of them, ``[N, spec.mask_size]``.
            rows: Which of them are stepped, ``[R]``.
            actions: What is done to each, ``[R, H]``; what is illegal becomes WAIT.

        Returns:
            What becomes of them, R rows.
        """
        valid = is_allowed(self.spec, masks[rows], actions)
        legal = canonicalize_actions(self.spec, np.where(valid[:, np.newaxis], actions, 0))
        parts = []
        for start in range(0, len(rows), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            world = self._load(hosts, rows[chunk])
            world.step(legal[chunk])
            parts.append(world.collect_state())
        return {name: np.concatenate([part[name] for part in parts]) for name in hosts}

    def compute_masks(self, hosts: Hosts) -> Bools:
        """Say what is legal on each host, ``[N, spec.mask_size]``."""
        return compute_action_masks(self._load(hosts).arrays, self.spec)

    def observe(self, hosts: Hosts) -> NDArray[np.float32]:
        """Return what a controller sees of each host, ``[N, F]``."""
        return self._encoder.encode(self._load(hosts).arrays)

    def compute_gain(self, hosts: Hosts) -> Floats:
        """Return the score of each host beyond that of one that never grew, points, ``[N]``."""
        world = self._load(hosts)
        return world.compute_score() - world.compute_host_score()

    def identify(self, hosts: Hosts) -> Ints:
        """Give hosts of one need the same number if they have the same future, ``[N]``.

        Left out is how the alpha of the only seed got where it is and, on the way, where between
        two values it stands: until it is there, nothing but WAIT is legal, and any influence shows
        which need it is. Clocks stop to count where nothing depends on them any more.
        """
        rules = self.config.lifecycle
        stage, mode = hosts["seeds.stage"], hosts["seeds.alpha_mode"]
        is_young = np.isin(stage, [SeedStage.GERMINATED, SeedStage.TRAINING])
        patience = max(rules.min_training_epochs, rules.min_blending_epochs)
        left = hosts["seeds.steps_total"] - hosts["seeds.steps_done"]
        columns = (
            stage,
            hosts["seeds.blueprint"],
            hosts["seeds.style"],
            np.where(is_young & rules.ramp, hosts["seeds.tempo"], 0),
            np.where(is_young, hosts["ramps.first_target"], hosts["seeds.alpha_target"]),
            np.where(mode == AlphaMode.HOLD, 0, left),
            hosts["seeds.gate_passed"],
            np.minimum(hosts["seeds.age_epochs"], rules.min_prune_age_epochs),
            np.minimum(hosts["seeds.epochs_in_stage"], patience),
            hosts["memory.accuracy_before_blending"],
            hosts["clocks.cooldown_epochs"],
            hosts["learned"],
        )
        return number_rows([column[:, 0] for column in columns])

    def _load(self, hosts: Hosts, rows: Ints | slice = slice(None)) -> SurrogateWorld:
        """Make a world of some of the hosts."""
        chosen = {name: array[rows] for name, array in hosts.items()}
        world = SurrogateWorld(len(chosen["learned"]), self.config)
        for name, array in world.collect_state().items():
            array[...] = chosen[name]
        world.count_parameters()
        return world


def number_rows(columns: Sequence[NDArray[Any]]) -> Ints:
    """Number the rows of a table, alike rows alike, from 0.

    Args:
        columns: The columns of the table, each ``[N]``.

    Returns:
        One number per row, ``[N]``.
    """
    numbers, count = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        codes = column
        if np.issubdtype(column.dtype, np.floating):
            _, codes = np.unique(np.round(column, _DECIMALS), return_inverse=True)
        codes = codes.astype(np.int64) - int(codes.min())
        span = int(codes.max()) + 1
        if count * span > np.iinfo(np.int64).max:
            _, numbers = np.unique(numbers, return_inverse=True)
            count = int(numbers.max()) + 1
        numbers, count = numbers * span + codes, count * span
    _, numbers = np.unique(numbers, return_inverse=True)
    return numbers

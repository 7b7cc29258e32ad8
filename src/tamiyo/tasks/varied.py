"""Hosts that differ from episode to episode: drawn by seed, trained on data of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError, UnknownNameError, derive_seed
from tamiyo.tasks.hosts.recipes import HostRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.tasks.data import ShuffledData, Split
    from tamiyo.tasks.objectives import Objective

__all__ = ["HostConditions", "HostDistribution", "HostSource", "VariedData"]


class HostSource(StrEnum):
    """Where a run's host comes from.

    FIXED is the task's own. VARIED draws from the hosts that controllers are trained on, HELD_OUT
    from others that they never see in training.
    """

    FIXED = "fixed"
    VARIED = "varied"
    HELD_OUT = "held-out"


@dataclass(frozen=True, kw_only=True)
class HostConditions:
    """What one episode's host is like, and what it learns from.

    Attributes:
        host: The network growth starts from.
        learning_rate: Learning rate of its optimizer.
        train_samples: Training samples it has.
        label_noise: Share of them whose label is another one, in [0, 1).
    """

    host: HostRecipe
    learning_rate: float
    train_samples: int
    label_noise: float


@dataclass(frozen=True, kw_only=True)
class HostDistribution:
    """Conditions an episode's host is drawn from, all of one kind equally likely.

    Attributes:
        varied: Name to conditions that controllers are trained on.
        held_out: The same for conditions that only judge them.
    """

    varied: Mapping[str, HostConditions]
    held_out: Mapping[str, HostConditions]

    def __post_init__(self) -> None:
        """Refuse conditions that cannot be drawn or trained under.

        Raises:
            ConfigError: If there are none, or a number is outside its range.
        """
        if not self.varied or not self.held_out:
            message = (
                "varied and held_out must each be at least one host, "
                f"got {len(self.varied)} and {len(self.held_out)}"
            )
            raise ConfigError(message)
        for each in (*self.varied.values(), *self.held_out.values()):
            for name, is_fine in (
                ("learning_rate", each.learning_rate > 0),
                ("train_samples", each.train_samples >= 1),
                ("label_noise", 0 <= each.label_noise < 1),
            ):
                if not is_fine:
                    message = (
                        f"{name} of a host must be positive, label_noise in [0, 1), "
                        f"got {getattr(each, name)}"
                    )
                    raise ConfigError(message)

    def draw(self, source: HostSource, seed: int) -> str:
        """Draw the name of the conditions that belong to a seed.

        Args:
            source: VARIED or HELD_OUT.
            seed: Seed of the run.
        """
        names = list(self.held_out if source == HostSource.HELD_OUT else self.varied)
        generator = torch.Generator().manual_seed(derive_seed(seed, 0, "conditions"))
        return names[int(torch.randint(len(names), (), generator=generator))]

    def get(self, name: str) -> HostConditions:
        """Return conditions by name.

        Args:
            name: One of either kind.

        Raises:
            UnknownNameError: If there are none of that name.
        """
        known = {**self.varied, **self.held_out}
        if name not in known:
            kind = "host"
            raise UnknownNameError(kind, name, list(known))
        return known[name]


class VariedData:
    """A seeded part of a task's training samples, some of them mislabeled.

    An epoch has as many full batches as the task's, so that hosts with different data stay in step:
    the samples are gone through in one new order after the other.

    Args:
        data: The task's data, fixed samples.
        conditions: How many samples, and how many of them mislabeled.
        seed: Decides which ones.

    Raises:
        ConfigError: If the task has fewer samples.
    """

    def __init__(self, data: ShuffledData, conditions: HostConditions, *, seed: int) -> None:
        inputs, targets = data.train.inputs, data.train.targets
        if conditions.train_samples > len(targets):
            message = (
                f"train_samples must be at most the task's {len(targets)}, "
                f"got {conditions.train_samples}"
            )
            raise ConfigError(message)
        generator = torch.Generator().manual_seed(derive_seed(seed, 0, "samples"))
        rows = torch.randperm(len(targets), generator=generator)[: conditions.train_samples]
        classes = int(targets.max()) + 1
        is_wrong = torch.rand(len(rows), generator=generator) < conditions.label_noise
        turns = torch.randint(1, classes, (len(rows),), generator=generator)
        self._inputs = inputs[rows]
        self._targets = torch.where(is_wrong, (targets[rows] + turns) % classes, targets[rows])
        self.objective: Objective = data.objective
        self.control: Split = data.control
        self.test: Split = data.test
        self.batch_size = data.batch_size
        self.batches_per_epoch = data.train_size // data.batch_size
        self.train_size = self.batches_per_epoch * self.batch_size
        self.example: Tensor = data.example

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one epoch of full batches.

        Args:
            generator: An owned CPU generator; it advances by the permutations an epoch needs.
        """
        samples = len(self._targets)
        rounds = -(-self.train_size // samples)
        orders = [torch.randperm(samples, generator=generator) for _ in range(rounds)]
        order = torch.cat(orders)[: self.train_size]
        inputs, targets = (
            whole[order].split(self.batch_size) for whole in (self._inputs, self._targets)
        )
        return zip(inputs, targets, strict=True)

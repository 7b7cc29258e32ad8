"""BatchedPopulation: trains many environments as one network."""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from typing import TYPE_CHECKING, Final

from tamiyo.engine.batched.judging import evaluate_members
from tamiyo.engine.batched.network import StackedNetwork
from tamiyo.engine.batched.optimizers import RowOptimizer
from tamiyo.engine.batched.training import train_members
from tamiyo.engine.batched.work import StructureWork
from tamiyo.engine.counterfactual import (
    conclude_fossils,
    conclude_validation,
    plan_fossils,
    plan_validation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import AdaptationCommand, PairedDifference
    from tamiyo.engine.counterfactual import SplitResult, Validation
    from tamiyo.engine.member import FinalResult, Member, StepResult
    from tamiyo.model import Overrides
    from tamiyo.tasks import Batches

__all__ = ["BatchedPopulation"]

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Names of glibc's settings, from its malloc.h."""


class BatchedPopulation:
    """Trains environments with hosts of one structure all at once.

    Gives what :class:`tamiyo.engine.SequentialPopulation` gives, but for rounding in the last bits,
    and every environment the same bytes whatever stands beside it.

    Args:
        members: The environments; :func:`find_obstacle` says whether they suit.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        _keep_freed_memory()
        self.members = list(members)
        self.initial = [member.describe_start() for member in self.members]
        self._network = StackedNetwork(self.members)
        self._optimizer = RowOptimizer.like(self.members[0].trainee.optimizer)
        self._work = StructureWork(self.members[0].data.objective)

    def step(self, commands: Sequence[AdaptationCommand | None]) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch."""
        refusals = [
            member.begin_epoch(command)
            for member, command in zip(self.members, commands, strict=True)
        ]
        self._network.sync()
        trained = train_members(self._network, self.members, self._optimizer, self._work)
        validations = self._validate()
        results = [
            member.finish_epoch(training, validation, refusal)
            for member, training, validation, refusal in zip(
                self.members, trained, validations, refusals, strict=True
            )
        ]
        for position, result in enumerate(results):
            if result.measured.rolled_back is not None:
                self._network.forget(position)
        return results

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made."""
        for member in self.members:
            member.begin_closing()

    def judge(self) -> list[FinalResult]:
        """Judge every committed network."""
        self._network.sync()
        data = self.members[0].data
        control = self._judge_fossils(data.control)
        test = None if data.test is None else self._judge_fossils(data.test)
        return [
            member.conclude(control[position], None if test is None else test[position])
            for position, member in enumerate(self.members)
        ]

    def close(self) -> None:
        """Do nothing: all of it lives in this process."""

    def _validate(self) -> list[Validation]:
        plans = [plan_validation(member.model) for member in self.members]
        results = self._evaluate(self.members[0].data.control, [plan.variants for plan in plans])
        return [conclude_validation(plan, own) for plan, own in zip(plans, results, strict=True)]

    def _evaluate(
        self, split: Batches, variants: Sequence[Sequence[Overrides]]
    ) -> list[list[SplitResult]]:
        first = self.members[0]
        return evaluate_members(self._network, split, first.data.objective, first.scale, variants)

    def _judge_fossils(
        self, split: Batches
    ) -> list[tuple[SplitResult, dict[str, PairedDifference]]]:
        plans = [plan_fossils(member.model) for member in self.members]
        results = self._evaluate(split, [plan.variants for plan in plans])
        return [conclude_fossils(plan, own) for plan, own in zip(plans, results, strict=True)]


@cache
def _keep_freed_memory() -> None:
    """Tell glibc to keep memory that is freed: large tensors come and go in every step.

    Given back to the system and taken again, each page of theirs costs a fault. Other C libraries
    are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    for option, number in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1)):
        library.mallopt(option, number)

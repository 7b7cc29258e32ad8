"""Cohorts as arrays and back: what was decided is enough to train them to the same point again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamiyo.environment.hosts.cohort import Cohort

__all__ = ["SavedCohort", "join_cohorts", "split_cohorts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedCohort:
    """One cohort as it is saved.

    Attributes:
        seeds: Environment to the seed of its episode.
        running: Environments that are still in it.
        actions: What was decided, ``[steps, rows, heads]``, -1 where an environment had left.
    """

    seeds: Mapping[int, int]
    running: frozenset[int]
    actions: NDArray[np.int64]

    def replay(self, cohort: Cohort) -> None:
        """Bring a new cohort of the same seeds to where this one stood.

        Args:
            cohort: The new one, before its first step.
        """
        rows = list(self.seeds)
        for actions in self.actions:
            cohort.drop([row for row, first in zip(rows, actions[:, 0], strict=True) if first < 0])
            cohort.step(actions)
        cohort.drop([row for row in rows if row not in self.running])
        cohort.take_events()  # they were told when they happened


def join_cohorts(cohorts: Sequence[Cohort], heads: int) -> dict[str, NDArray[Any]]:
    """Lay cohorts out in arrays.

    Args:
        cohorts: The cohorts.
        heads: Heads of an action.
    """
    rows = [row for cohort in cohorts for row in cohort.seeds]
    decided = [step for cohort in cohorts for step in cohort.actions]
    return {
        "cohort_sizes": np.array([len(cohort.seeds) for cohort in cohorts], np.int64),
        "cohort_steps": np.array([len(cohort.actions) for cohort in cohorts], np.int64),
        "cohort_rows": np.array(rows, np.int64),
        "cohort_seeds": np.array(
            [seed for cohort in cohorts for seed in cohort.seeds.values()], np.int64
        ),
        "cohort_running": np.array(
            [row in cohort.courses for cohort in cohorts for row in cohort.seeds], np.bool_
        ),
        "cohort_actions": np.concatenate([np.zeros((0, heads), np.int64), *decided]),
    }


def split_cohorts(state: Mapping[str, NDArray[Any]]) -> Iterator[SavedCohort]:
    """Take cohorts out of arrays again.

    Args:
        state: What holds the arrays of :func:`join_cohorts`.
    """
    first_row, first_action = 0, 0
    heads = state["cohort_actions"].shape[1]
    for size, steps in zip(state["cohort_sizes"], state["cohort_steps"], strict=True):
        own = slice(first_row, first_row + size)
        rows = state["cohort_rows"][own].tolist()
        running = state["cohort_running"][own].tolist()
        actions = state["cohort_actions"][first_action : first_action + size * steps]
        yield SavedCohort(
            seeds=dict(zip(rows, state["cohort_seeds"][own].tolist(), strict=True)),
            running=frozenset(row for row, is_in in zip(rows, running, strict=True) if is_in),
            actions=actions.reshape(steps, size, heads),
        )
        first_row, first_action = first_row + size, first_action + size * steps

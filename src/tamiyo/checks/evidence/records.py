"""Evidence: everything checks look at, as far as there is any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamiyo.checks.evidence.courses import HostCourse, HostStep
from tamiyo.contracts import ActionSpec, HostReport, LifecycleConfig, TaskConfig, UpdateReport
from tamiyo.learning import Checkpoint, LearnedPolicy, PPOConfig, Rollout
from tamiyo.observation import ObservationLayout
from tamiyo.rewards import RewardConfig

__all__ = ["Cycles", "Evidence", "Play", "Rehearsal", "Round", "Rules"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What hosts were grown and paid by.

    Attributes:
        lifecycle: Thresholds and clocks.
        reward: Weights of the parts of the reward; ``None`` where nothing is paid.
        gamma: Discount of the parts that are potentials.
        task: Ranges and epochs; ``None`` where nobody needs them.
    """

    lifecycle: LifecycleConfig
    reward: RewardConfig | None = None
    gamma: float = 1.0
    task: TaskConfig | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Play:
    """Episodes that were played in environments for the checks; ``T`` steps, ``N`` environments.

    Environments 0 and 1 have the same seed. Where ``tried`` says so, 0 was sent an illegal action
    in a step in which 1 waited.

    Attributes:
        layout: Fields of the observations.
        action_spec: Heads of the actions.
        observations: Before each step and after the last, ``[T + 1, N, F]``.
        masks: The flat conditional masks likewise, ``[T + 1, N, M]``.
        actions: As they were sent, ``[T, N, H]``.
        valid: Whether the environment took them for legal, ``[T, N]``.
        rewards: What steps were paid, ``[T, N]``.
        ended: Steps that ended an episode, ``[T, N]``.
        tried: Steps in which an illegal action was tried, ``[T]``.
        hosts: Reports before each step and after the last, ``[T + 1][N]``; empty where the
            environments give none.
        saturated: Share of values that were cut, by field.
    """

    layout: ObservationLayout
    action_spec: ActionSpec
    observations: NDArray[np.float32]
    masks: NDArray[np.bool_]
    actions: NDArray[np.int64]
    valid: NDArray[np.bool_]
    rewards: NDArray[np.float64]
    ended: NDArray[np.bool_]
    tried: NDArray[np.bool_]
    hosts: tuple[tuple[HostReport, ...], ...]
    saturated: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Round:
    """One rollout and the update that learned from it, with a witness between learner and world.

    Attributes:
        policy: Network and scale of the observations as they were during the rollout.
        rollout: What the buffer holds of it.
        observations: What the environments showed before each step and after the last, as the
            witness saw it, ``[T + 1, N, F]``.
        masks: Masks likewise, ``[T + 1, N, M]``.
        actions: What they were sent, ``[T, N, H]``.
        rewards: What they paid, ``[T, N]``.
        terminated: What they said of ends, ``[T, N]``.
        report: What the update said of itself.
    """

    policy: LearnedPolicy
    rollout: Rollout
    observations: NDArray[np.float32]
    masks: NDArray[np.bool_]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    report: UpdateReport


@dataclass(frozen=True, kw_only=True, eq=False)
class Rehearsal:
    """Rounds of learning that were made for the checks.

    Attributes:
        rounds: The rounds, at least two.
        after: The policy after the last one.
        ppo: How it learned.
        normalizes: Whether observations are brought to unit scale.
    """

    rounds: tuple[Round, ...]
    after: LearnedPolicy
    ppo: PPOConfig
    normalizes: bool


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """What a host held before seeds came and went, and after.

    Attributes:
        count: Seeds that came and went.
        before: Name of a count to its value before.
        after: The same after.
        strays: Trainable parameters that were not in exactly one group of the optimizer, over all
            steps.
        moving: Seeds that changed the outputs when they were born.
        dead: Seeds that got no gradient when they were born.
    """

    count: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    strays: int
    moving: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What checks look at; what is ``None`` or empty was not there to look at.

    Attributes:
        rules: What hosts were grown and paid by.
        courses: Hosts whose course is known.
        left_out: Hosts on record that are not among them, as there are too many.
        updates: Every update on record.
        checkpoint: What a training goes on from.
        is_fresh: Whether that training began with a controller that knew nothing.
        play: Episodes played for the checks.
        played: The course of their hosts, where environments record it.
        rehearsal: Rounds of learning made for the checks.
        cycles: Seeds that came and went for the checks.
        failures: What failed while evidence was gathered, after the requirements it was for.
        lacking: Why there is not more.
    """

    rules: Rules
    courses: tuple[HostCourse, ...] = ()
    left_out: int = 0
    updates: tuple[UpdateReport, ...] = ()
    checkpoint: Checkpoint | None = None
    is_fresh: bool = True
    play: Play | None = None
    played: tuple[HostCourse, ...] = ()
    rehearsal: Rehearsal | None = None
    cycles: Cycles | None = None
    failures: tuple[tuple[tuple[str, ...], str], ...] = ()
    lacking: str = ""

    def walk(self) -> Iterator[tuple[HostCourse, HostStep]]:
        """Yield every epoch of every host."""
        for course in self.courses:
            for step in course.steps:
                yield course, step

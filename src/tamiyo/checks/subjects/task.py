"""Evidence on a task: short episodes on its hosts, and a new controller's first rounds there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from gymnasium.vector import AutoresetMode

from tamiyo.checks.evidence import (
    MOST_PLAYED,
    Evidence,
    Play,
    Rehearsal,
    Rules,
    play_growth,
    rehearse,
    run_cycles,
)
from tamiyo.checks.subjects.failing import LEARNING, LIVING, Failures
from tamiyo.contracts import LifecycleConfig
from tamiyo.engine import EngineConfig
from tamiyo.environment import Baseline, HostEnvConfig, HostVectorEnv
from tamiyo.learning import TrainerConfig
from tamiyo.model import count_trainable, drawing_from
from tamiyo.rewards import RewardConfig, RewardPreset
from tamiyo.tasks import build_host, get_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.checks.evidence import Cycles, HostCourse
    from tamiyo.learning import LearnedPolicy
    from tamiyo.tasks import Task

__all__ = ["CYCLES", "EAGER", "build_rules", "observe_task", "play_hosts", "rehearse_on_hosts"]


class _Extent(NamedTuple):
    """How much is played and learned."""

    played: int
    decisions: int
    learners: int
    rollout_steps: int  # no divisor of an episode, so that rollouts cut some


_SMALL: Final = _Extent(played=MOST_PLAYED, decisions=22, learners=4, rollout_steps=13)
_LARGE: Final = _Extent(played=4, decisions=12, learners=2, rollout_steps=7)
_LARGE_EPOCH: Final = 100_000
"""Parameters times batches from which on an epoch takes long."""
CYCLES: Final = 40
"""Seeds that come and go in a host."""

EAGER: Final = LifecycleConfig(
    min_fossilize_contribution=0.0, contribution_errors=0.0, min_blending_epochs=0
)
"""Gates that short episodes can pass."""


def observe_task(task: str, *, seed: int, on_progress: Callable[[str], None]) -> Evidence:
    """Gather evidence on a task.

    Args:
        task: Its name.
        seed: Seed of everything random.
        on_progress: Told what is being done.

    Raises:
        UnknownNameError: If there is no such task.
    """
    found = get_task(task)
    extent = _choose_extent(found)
    closing = found.config.closing_epochs
    config = HostEnvConfig(
        task=task,
        epochs=extent.decisions + closing,
        reward=RewardConfig.preset(RewardPreset.SHAPED),
        baseline=Baseline.TWIN,
        engine=EngineConfig(lifecycle=EAGER),
    )
    failures = Failures()
    play: Play | None = None
    courses: tuple[HostCourse, ...] = ()
    rehearsal: Rehearsal | None = None
    cycles: Cycles | None = None
    on_progress(f"playing {extent.played} short episodes on {task}")
    with failures.noting("an episode", LIVING):
        play, courses = play_hosts(config, seed=seed)
    on_progress("learning for two rounds")
    with failures.noting("learning", LEARNING):
        rehearsal = rehearse_on_hosts(config, TrainerConfig(), seed=seed)
    on_progress(f"letting {CYCLES} seeds come and go")
    with failures.noting("a host whose seeds come and go", ("8.1", "8.2")):
        cycles = _cycle(task, seed)
    return Evidence(
        rules=build_rules(config),
        courses=courses,
        play=play,
        played=courses,
        rehearsal=rehearsal,
        cycles=cycles,
        failures=tuple(failures.noted),
        lacking="nothing to check it on came up in the episodes that were played",
    )


def build_rules(config: HostEnvConfig) -> Rules:
    """Say what the hosts of some episodes are grown and paid by."""
    return Rules(
        lifecycle=config.engine.lifecycle,
        reward=config.reward,
        gamma=config.gamma,
        task=config.task_config,
    )


def play_hosts(config: HostEnvConfig, *, seed: int) -> tuple[Play, tuple[HostCourse, ...]]:
    """Play an episode on each of a few hosts, fewer where they are large.

    Args:
        config: What the episodes are like; the hosts form no groups.
        seed: Seed of the first.
    """
    baseline = Baseline.TWIN if config.baseline == Baseline.GROUP else config.baseline
    alone = replace(config, group_size=1, baseline=baseline)
    extent = _choose_extent(config.build_task())
    env = HostVectorEnv(extent.played, alone, autoreset_mode=AutoresetMode.DISABLED)
    try:
        return play_growth(env, seed=seed, steps=config.task_config.decision_epochs)
    finally:
        env.close()


def rehearse_on_hosts(
    config: HostEnvConfig,
    learner: TrainerConfig,
    *,
    seed: int,
    start: LearnedPolicy | None = None,
) -> Rehearsal:
    """Learn for two short rounds on hosts.

    Args:
        config: What the episodes are like.
        learner: How to learn.
        seed: Seed of everything random.
        start: A policy to begin with.
    """
    extent = _choose_extent(config.build_task())
    env = HostVectorEnv(max(extent.learners, config.group_size), config)
    steps = min(extent.rollout_steps, config.task_config.decision_epochs)
    try:
        return rehearse(env, learner, steps=steps, seed=seed, start=start)
    finally:
        env.close()


def _choose_extent(task: Task) -> _Extent:
    """Choose how much is to be seen of a task, by what an epoch costs."""
    with drawing_from(torch.Generator()):
        parameters = count_trainable(build_host(task.host))
    batches = task.config.batches_per_epoch or 1
    return _SMALL if parameters * batches < _LARGE_EPOCH else _LARGE


def _cycle(name: str, seed: int) -> Cycles:
    task = get_task(name)
    with drawing_from(torch.Generator().manual_seed(seed)):
        host = build_host(task.host)
    example = task.find_host(task.load_data(), HostEnvConfig(task=name).hosts, seed)[1].example
    return run_cycles(host, task.slots, example, count=CYCLES, seed=seed)

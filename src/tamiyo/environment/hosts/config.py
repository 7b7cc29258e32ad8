"""HostEnvConfig: everything that shapes the episodes of real hosts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from tyro.conf import EnumChoicesFromValues, Suppress, arg

from tamiyo.contracts import ConfigError, check_at_least, check_choices
from tamiyo.controller import TrackerConfig
from tamiyo.engine import EngineConfig
from tamiyo.rewards import RewardConfig
from tamiyo.tasks import HostSource, Task, get_task

if TYPE_CHECKING:
    from tamiyo.contracts import TaskConfig

__all__ = ["Baseline", "HostEnvConfig"]


class Baseline(StrEnum):
    """What is taken off an episode's score; no action of the episode changes it."""

    NONE = "none"
    TWIN = "twin"
    GROUP = "group"


@dataclass(frozen=True, kw_only=True)
class HostEnvConfig:
    """One kind of episodes on the hosts of a task.

    Attributes:
        task: Name of the task.
        hosts: Whether every episode has the task's host, or one drawn from the task's distribution.
        epochs: Epochs of an episode, the closing ones included; the task's own if not given.
        reward: What steps are paid.
        gamma: Discount of the potential parts of the reward, that of the learner, in [0, 1].
        baseline: What is taken off the score: nothing, the score of the wait-only twin, or the mean
            score of the other environments of the group.
        group_size: Environments in a row that share host, data order and twin, at least 1.
        telemetry: Whether observations have the telemetry features.
        engine: How hosts are trained.
        tracker: How the course of training is read.
    """

    task: Annotated[str, Suppress] = "digits-cnn"
    hosts: Annotated[HostSource, EnumChoicesFromValues] = HostSource.FIXED
    epochs: int | None = None
    reward: RewardConfig = field(default_factory=RewardConfig)
    gamma: Annotated[float, Suppress] = 1.0
    baseline: Annotated[Baseline, EnumChoicesFromValues] = Baseline.TWIN
    group_size: int = 1
    telemetry: bool = False
    engine: Annotated[EngineConfig, arg(name="")] = field(default_factory=EngineConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)

    def __post_init__(self) -> None:
        """Refuse what no episode can have.

        Raises:
            ConfigError: If a number is outside its range, a group of one is to be its own baseline,
                or the task has no distribution of hosts to draw from.
            UnknownNameError: If there is no such task.
        """
        check_choices(self, {"hosts": HostSource, "baseline": Baseline})
        check_at_least(self, {"group_size": 1, "gamma": 0})
        if self.gamma > 1:
            message = f"gamma must be at most 1, got {self.gamma}"
            raise ConfigError(message)
        if self.baseline == Baseline.GROUP and self.group_size == 1:
            message = "group_size must be at least 2 for the baseline of a group, got 1"
            raise ConfigError(message)
        if self.hosts == HostSource.VARIED and get_task(self.task).distribution is None:
            message = f"hosts must be {HostSource.FIXED} on task {self.task}, got {self.hosts}"
            raise ConfigError(message)
        _ = self.build_task()  # it refuses epochs that do not fit

    @property
    def has_twins(self) -> bool:
        """Whether a wait-only twin is trained beside every group."""
        return self.baseline != Baseline.NONE or self.reward.needs_twin

    @property
    def task_config(self) -> TaskConfig:
        """Ranges and epochs of the episodes."""
        return self.build_task().config

    def build_task(self) -> Task:
        """Return the task with the epochs of these episodes."""
        task = get_task(self.task)
        if self.epochs is None:
            return task
        return replace(task, config=replace(task.config, max_epochs=self.epochs))

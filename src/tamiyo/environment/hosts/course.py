"""HostCourse: one episode as the environment keeps it, apart from the host itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.contracts import AdaptationCommand, SeedStage, compute_score
from tamiyo.controller import SignalTracker
from tamiyo.rewards import PaidStep, RewardMeter

if TYPE_CHECKING:
    from tamiyo.contracts import EpisodeCounters, RewardParts, TaskConfig, TrainingSignals
    from tamiyo.engine import StepResult
    from tamiyo.environment.hosts.config import HostEnvConfig
    from tamiyo.rewards import Ending

__all__ = ["HostCourse", "count_committed", "score_committed"]

_WAIT = AdaptationCommand()


class HostCourse:
    """Follows one host through an episode and pays for what is decided.

    Args:
        config: What the episodes are like.
        task: Ranges and epochs.
        start: The untrained host.

    Attributes:
        latest: What the last step gave.
        episode_return: Sum of what was paid so far, points.
    """

    def __init__(self, config: HostEnvConfig, task: TaskConfig, start: StepResult) -> None:
        self.latest = start
        self.episode_return = 0.0
        self._tracker = SignalTracker(config.tracker, decision_epochs=task.decision_epochs)
        self._tracker.update(start.measured)
        self._meter = RewardMeter(config.reward, task, gamma=config.gamma, host=start.host)

    @property
    def signals(self) -> TrainingSignals:
        """The course of training so far."""
        return self._tracker.peek()

    @property
    def just_stabilized(self) -> bool:
        """Whether the stabilization latch closed in the last step."""
        return self._tracker.just_stabilized

    @property
    def counters(self) -> EpisodeCounters:
        """What was done so far."""
        return self._meter.counters

    @property
    def is_thrashing(self) -> bool:
        """Whether seeds are planted and pruned again without any gain."""
        return self._meter.is_thrashing

    def take(
        self,
        command: AdaptationCommand,
        result: StepResult,
        *,
        twin_points: float | None,
        ending: Ending | None,
    ) -> RewardParts:
        """Take in what a step gave.

        Args:
            command: What was decided; a refused one was executed as WAIT.
            result: What the step gave.
            twin_points: Control accuracy of the wait-only twin after the same epoch, points;
                ``None`` without one.
            ending: How the episode ended; ``None`` while it goes on.

        Returns:
            What the step is paid.
        """
        before = self.latest.host
        self.latest = result
        self._tracker.update(result.measured)
        step = PaidStep(
            before=before,
            command=command if result.refusal is None else _WAIT,
            after=result.host,
            measured=result.measured,
            twin_points=twin_points,
            ending=ending,
        )
        parts = self._meter.pay(step)
        self.episode_return += parts.total
        return parts


def count_committed(result: StepResult) -> int:
    """Count the parameters of the network without its uncommitted seeds."""
    host = result.host
    fossils = [slot.seed for slot in host.slots if slot.stage == SeedStage.FOSSILIZED]
    return host.host_parameters + sum(seed.parameters for seed in fossils if seed is not None)


def score_committed(task: TaskConfig, result: StepResult) -> float:
    """Score the network as it stands, without its uncommitted seeds, on the control split."""
    return compute_score(
        result.measured.committed_accuracy,
        parameters=count_committed(result),
        host_parameters=result.host.host_parameters,
        rent_points=task.rent_points,
    )

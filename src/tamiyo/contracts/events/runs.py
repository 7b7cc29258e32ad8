"""Events that begin and end: a run of one host, or an episode in the training of a controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tamiyo.contracts.reports import EpochReport, HostReport, PairedDifference
from tamiyo.contracts.rewards import EpisodeCounters
from tamiyo.contracts.tasks import MetricScale

__all__ = [
    "EpisodeFinished",
    "EpisodeStarted",
    "EventsDropped",
    "RunFinished",
    "RunStarted",
    "TwinTrained",
]


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """A run begins.

    Attributes:
        task: Name of the task.
        metric: What accuracies are measured in.
        controller: Name of the controller.
        seed: Seed of the run.
        epochs: Epochs it will train, the closing ones included.
        config_hash: Hash of the effective configuration.
        host: The host before anything grew.
        initial: Validation before training.
    """

    task: str
    metric: MetricScale
    controller: str
    seed: int
    epochs: int
    config_hash: str
    host: HostReport
    initial: EpochReport


@dataclass(frozen=True, kw_only=True)
class TwinTrained:
    """The wait-only twin of a run is trained: same host, seed, data order and epochs, never grown.

    Attributes:
        environment: Index of the environment.
        control_accuracies: Accuracy on the control split before training and after each epoch,
            points.
        test_accuracy: Accuracy on the test split at the end, points; ``None`` without one.
        parameters: Its trainable parameters.
        multiply_adds: Multiply-adds of its training; ``None`` where PyTorch cannot count them.
    """

    environment: int
    control_accuracies: tuple[float, ...]
    test_accuracy: float | None
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """A run is over.

    Attributes:
        environment: Index of the environment.
        epochs: Epochs trained.
        interrupted: True if it was stopped before its last epoch.
        control_accuracy: Accuracy of the committed network on the control split, points.
        test_accuracy: The same on the test split; ``None`` without one.
        score: ``test_accuracy`` minus rent; ``None`` without it.
        host_parameters: Trainable parameters before anything grew.
        parameters: Trainable parameters of the committed network.
        multiply_adds: Multiply-adds of all training; ``None`` where PyTorch cannot count them.
        contributions: Seed id of each fossil to what it is worth on the test split, on the control
            split where there is no other.
    """

    environment: int
    epochs: int
    interrupted: bool
    control_accuracy: float
    test_accuracy: float | None
    score: float | None
    host_parameters: int
    parameters: int
    multiply_adds: int | None
    contributions: Mapping[str, PairedDifference]


@dataclass(frozen=True, kw_only=True)
class EpisodeStarted:
    """In the training of a controller, an environment begins an episode.

    Attributes:
        environment: Index of the environment.
        episode: Number of the episode in this environment, counted from 0.
        seed: Seed of the host, its data order and its conditions.
        task: Name of the task.
        metric: What accuracies are measured in.
        epochs: Epochs the host will train, the closing ones included.
        host: The host before anything grew.
        initial: Validation before training.
    """

    environment: int
    episode: int
    seed: int
    task: str
    metric: MetricScale
    epochs: int
    host: HostReport
    initial: EpochReport


@dataclass(frozen=True, kw_only=True)
class EpisodeFinished:
    """In the training of a controller, an episode is over.

    Attributes:
        environment: Index of the environment.
        episode: Number of the episode in this environment, counted from 0.
        episode_return: Sum of its rewards, points.
        score: Score of the committed network on the control split, points.
        host_score: The same of the wait-only twin; ``None`` without one.
        host_parameters: Trainable parameters before anything grew.
        parameters: Trainable parameters of the committed network.
        diverged: Whether it ended early because training diverged.
        is_thrashing: Whether seeds were planted and pruned again without any gain.
        counters: What was done in it.
    """

    environment: int
    episode: int
    episode_return: float
    score: float
    host_score: float | None
    host_parameters: int
    parameters: int
    diverged: bool
    is_thrashing: bool
    counters: EpisodeCounters


@dataclass(frozen=True, kw_only=True)
class EventsDropped:
    """Something that is told events besides the log lacks some of them; the log has them all.

    Attributes:
        sink: Its name.
        count: Events it lacks.
        reason: What it failed with; ``None`` if it was only too slow.
    """

    sink: str
    count: int
    reason: str | None

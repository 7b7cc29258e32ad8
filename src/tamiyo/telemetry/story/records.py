"""Records of what happened in a run; ``None`` means not known, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tamiyo.contracts import MetricScale
from tamiyo.telemetry.live import LiveCurve

__all__ = [
    "EpisodeRow",
    "HostPoint",
    "HostStory",
    "LearningStory",
    "RunStory",
    "StageSpan",
    "StoryAlarm",
    "StoryDecision",
    "StoryEnd",
    "StoryMark",
]


@dataclass(frozen=True, kw_only=True)
class HostPoint:
    """What an epoch measured.

    Attributes:
        epoch: The epoch; 0 is before training.
        accuracy: Control accuracy of the network as it is, points.
        committed: The same of the host with its fossils alone, points.
        parameters: Trainable parameters.
    """

    epoch: int
    accuracy: float
    committed: float
    parameters: int


@dataclass(frozen=True, kw_only=True)
class StageSpan:
    """A stretch of epochs that a slot spent in one stage with one seed.

    Attributes:
        slot_id: The slot.
        stage: Name of the stage.
        seed_id: The seed; ``None`` while the slot is closed after a prune, as the next three.
        blueprint: Name of what it was built from.
        style: Name of how it is composed.
        parameters: Parameters it adds.
        first_epoch: The first epoch.
        last_epoch: The last one, included.
        alphas: Alpha after each of these epochs, in [0, 1]; ``None`` without a seed.
        contributions: Points it made after each of these epochs; ``None`` where not measured.
        error: Standard error of the last contribution, points; ``None`` if unknown.
    """

    slot_id: str
    stage: str
    seed_id: str | None
    blueprint: str | None
    style: str | None
    parameters: int | None
    first_epoch: int
    last_epoch: int
    alphas: tuple[float | None, ...]
    contributions: tuple[float | None, ...]
    error: float | None


@dataclass(frozen=True, kw_only=True)
class StoryDecision:
    """A decision and what it was made from.

    Attributes:
        epoch: The epoch it acts in.
        op: Name of the op.
        slot_id: Where; ``None`` where the op needs no slot.
        choices: Other choices, in words: blueprint, style, tempo and so on.
        reason: Why, in the controller's words; may be empty.
        refusal: Why it was illegal; ``None`` if it was not.
        legal_ops: Names of the ops that were legal; empty if nobody recorded them.
        probability: How probable the op was to the controller, in [0, 1]; ``None`` if unknown.
        value: Discounted reward it expected, points; ``None`` if unknown.
    """

    epoch: int
    op: str
    slot_id: str | None
    choices: tuple[str, ...]
    reason: str
    refusal: str | None
    legal_ops: tuple[str, ...]
    probability: float | None
    value: float | None


@dataclass(frozen=True, kw_only=True)
class StoryMark:
    """Something that happened in an epoch.

    Attributes:
        epoch: When.
        kind: ``planted``, ``kept``, ``removed``, ``stabilized`` or ``rolled back``.
        slot_id: Where; ``None`` if it is about the host.
        seed_id: Which seed; ``None`` if it is about the host.
        reason: Why, in words; may be empty.
    """

    epoch: int
    kind: str
    slot_id: str | None
    seed_id: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class StoryEnd:
    """How a run of one host, or an episode, ended.

    Attributes:
        epochs: Epochs trained; ``None`` of an episode, which does not tell.
        control_accuracy: Control accuracy of the committed network, points; ``None`` of an episode.
        test_accuracy: The same on the test split; ``None`` without one.
        score: Accuracy minus rent, points; ``None`` without it.
        parameters: Trainable parameters of the committed network.
        multiply_adds: Multiply-adds of all training; ``None`` if not counted.
        is_interrupted: Whether it was stopped before its end.
        diverged: Whether it ended early because training diverged.
        episode_return: Sum of the rewards of an episode, points; ``None`` of a run.
        contributions: Seed id of each fossil to the points it is worth in the end.
    """

    epochs: int | None
    control_accuracy: float | None
    test_accuracy: float | None
    score: float | None
    parameters: int
    multiply_adds: int | None
    is_interrupted: bool
    diverged: bool
    episode_return: float | None
    contributions: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class HostStory:
    """One host from its beginning to its end, or as far as the log tells.

    Attributes:
        environment: Index of its environment.
        episode: Number of the episode, counted from 0; ``None`` in a run of one host.
        task: Name of the task.
        metric: What accuracies are measured in.
        seed: Seed of the host, its data order and its conditions.
        epochs: Epochs it was to train.
        slot_ids: Its slots, in order.
        host_parameters: Trainable parameters before anything grew.
        max_parameters: Budget for parameters; ``None`` without one.
        blueprints: Blueprint to the parameters it would add, in some slot.
        points: What was measured, epoch by epoch.
        spans: Stages of the slots.
        decisions: All decisions.
        marks: What else happened.
        rewards: Epoch and the parts of its reward that are not zero, points.
        host_score: Score of the host alone, points; ``None`` without a twin.
        twin: Control accuracies of the twin before training and after each epoch; may be empty.
        end: How it ended; ``None`` if the log does not say.
    """

    environment: int
    episode: int | None
    task: str
    metric: MetricScale
    seed: int
    epochs: int
    slot_ids: tuple[str, ...]
    host_parameters: int
    max_parameters: int | None
    blueprints: Mapping[str, int]
    points: tuple[HostPoint, ...]
    spans: tuple[StageSpan, ...] = ()
    decisions: tuple[StoryDecision, ...] = ()
    marks: tuple[StoryMark, ...] = ()
    rewards: tuple[tuple[int, Mapping[str, float]], ...] = ()
    host_score: float | None = None
    twin: tuple[float, ...] = ()
    end: StoryEnd | None = None


@dataclass(frozen=True, kw_only=True)
class EpisodeRow:
    """How an episode of a training ended.

    Attributes:
        environment: Index of its environment.
        episode: Its number there, counted from 0.
        score: Score of the committed network, points.
        host_score: Score of the host alone, points; ``None`` without a twin.
        growth: Parameters of the committed network over those of the host.
    """

    environment: int
    episode: int
    score: float
    host_score: float | None
    growth: float


@dataclass(frozen=True, kw_only=True)
class LearningStory:
    """How a controller was trained.

    Attributes:
        num_envs: Environments in lockstep.
        parameters: Trainable parameters of the controller.
        total_steps: Environment steps it was to be trained for.
        steps: Environment steps made.
        updates: Updates made.
        starts: How often it was started, or went on after a stop.
        curves: Numbers over environment steps.
        rewards: Parts of the reward over environment steps, mean points per episode.
        entropies: Head to its entropy over environment steps, as a share of the largest possible.
        ops: Op to the number of times it was chosen.
        legal: Op to the number of times it was legal.
        ops_by_update: Op to its share of the choices of each update, in [0, 1].
        seconds: Phase to the wall-clock time it took; empty where nobody timed it.
        checkpoint_steps: Environment steps in the last checkpoint; ``None`` without one.
    """

    num_envs: int
    parameters: int
    total_steps: int
    steps: int = 0
    updates: int = 0
    starts: int = 1
    curves: tuple[LiveCurve, ...] = ()
    rewards: tuple[LiveCurve, ...] = ()
    entropies: tuple[LiveCurve, ...] = ()
    ops: Mapping[str, int] = field(default_factory=dict)
    legal: Mapping[str, int] = field(default_factory=dict)
    ops_by_update: tuple[LiveCurve, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    checkpoint_steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class StoryAlarm:
    """Something that should worry somebody.

    Attributes:
        kind: What sort it is, in words.
        place: When, in words.
        message: What was seen, in one sentence.
    """

    kind: str
    place: str
    message: str


@dataclass(frozen=True, kw_only=True)
class RunStory:
    """A run as far as its log tells.

    Attributes:
        kind: ``run`` of one host, ``training`` of a controller, ``nothing`` if neither began.
        title: Name of the task, or id of the environment.
        controller: Name of the controller of a run; ``None`` in a training.
        seed: Seed of the whole; ``None`` if its beginning is missing, as the next one.
        config_hash: Hash of the effective configuration.
        is_finished: Whether it came to its end.
        is_interrupted: Whether it was stopped before.
        events: Events in the log.
        first_time: When the first one was written, UTC, ISO 8601; ``None`` without one.
        last_time: When the last one was.
        learning: How the controller was trained; ``None`` in a run of one host.
        hosts: For each environment that is recorded its last episode that ended, or the one that
            did not end if there is no other.
        episodes: How episodes ended, the first and the last hundred of them.
        episode_count: All episodes that ended.
        alarms: The first fifty alarms and the last fifty.
        alarm_counts: Sort of alarm to how often it was raised.
        missing: What the log lacks, a sentence each.
    """

    kind: str
    title: str
    controller: str | None
    seed: int | None
    config_hash: str | None
    is_finished: bool
    is_interrupted: bool
    events: int
    first_time: str | None
    last_time: str | None
    learning: LearningStory | None
    hosts: tuple[HostStory, ...]
    episodes: tuple[EpisodeRow, ...]
    episode_count: int
    alarms: tuple[StoryAlarm, ...]
    alarm_counts: Mapping[str, int]
    missing: tuple[str, ...]

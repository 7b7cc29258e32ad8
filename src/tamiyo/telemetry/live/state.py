"""Records of what there is to see of a run; ``None`` means not known, never zero.

:func:`tamiyo.contracts.encode_record` makes JSON of a :class:`LiveState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tamiyo.contracts import MetricScale

__all__ = [
    "LiveAlarm",
    "LiveCurve",
    "LiveDecision",
    "LiveEnvironment",
    "LiveEpisodeEnd",
    "LiveLearning",
    "LiveRates",
    "LiveSlot",
    "LiveState",
]


@dataclass(frozen=True, kw_only=True)
class LiveCurve:
    """A number over time, thinned to at most 200 points.

    Attributes:
        name: What it is, in words.
        unit: What it is measured in; empty for a bare number.
        places: Where each point lies: environment steps or epochs, ascending.
        values: The number there.
    """

    name: str
    unit: str
    places: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class LiveRates:
    """How fast a training goes, over its last rounds.

    Attributes:
        steps_per_second: Environment steps per second of wall-clock time.
        seconds_left: Seconds until its end at this rate; ``None`` if it is over.
        phases: Phase to its share of the time, in [0, 1], largest first; they sum to 1.
    """

    steps_per_second: float
    seconds_left: float | None
    phases: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class LiveLearning:
    """How the training of a controller stands.

    Attributes:
        updates: Updates made.
        num_envs: Environments in lockstep.
        curves: Return or gain per episode, score and so on, over environment steps.
        entropies: Head to its entropy in the last update as a share of the largest possible, in
            [0, 1]; ``None`` where it had no choice.
        entropy_curves: Head to the course of that over environment steps; heads that never had a
            choice are left out.
        losses: Name of a loss or a figure of the last update to its value.
        checkpoint_steps: Environment steps that the last checkpoint holds; ``None`` before it.
    """

    updates: int
    num_envs: int
    curves: tuple[LiveCurve, ...]
    entropies: Mapping[str, float | None]
    entropy_curves: Mapping[str, LiveCurve]
    losses: Mapping[str, float | None]
    checkpoint_steps: int | None


@dataclass(frozen=True, kw_only=True)
class LiveAlarm:
    """Something that should worry somebody.

    Attributes:
        kind: What sort it is, in words.
        message: What was seen, in one sentence.
        place: Environment steps, or the epoch, at which it was seen.
    """

    kind: str
    message: str
    place: int


@dataclass(frozen=True, kw_only=True)
class LiveSlot:
    """A slot of a host.

    Attributes:
        slot_id: Its id.
        stage: Name of the stage; ``None`` if it is free.
        blueprint: What its seed was built from; ``None`` without a living seed, as the next ones.
        style: How the seed is composed.
        alpha: How much of it is blended in, in [0, 1].
        alpha_target: Where that leads to.
        age_epochs: Epochs since it germinated.
        parameters: Parameters it adds.
        contribution: Points it makes; ``None`` too if not measured.
        contribution_error: Standard error of that; ``None`` if not known.
    """

    slot_id: str
    stage: str | None
    blueprint: str | None = None
    style: str | None = None
    alpha: float | None = None
    alpha_target: float | None = None
    age_epochs: int | None = None
    parameters: int | None = None
    contribution: float | None = None
    contribution_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class LiveDecision:
    """A decision that did something, or tried to.

    Attributes:
        epoch: The epoch it acts in.
        op: Name of the op.
        slot_id: Where; ``None`` where the op needs no slot.
        blueprint: What it plants; ``None`` if it plants nothing.
        reason: Why, in the controller's words; may be empty.
        refusal: Why it was illegal; ``None`` if it was not.
        probability: How probable the op was to the controller, in [0, 1]; ``None`` if unknown.
    """

    epoch: int
    op: str
    slot_id: str | None
    blueprint: str | None
    reason: str
    refusal: str | None
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class LiveEpisodeEnd:
    """How a run or an episode ended.

    Attributes:
        episode: Number of the episode, counted from 0.
        score: Score of the committed network, points; ``None`` without one.
        host_score: The same of the host alone; ``None`` without a twin.
        parameters: Trainable parameters of the committed network.
        diverged: Whether training diverged.
    """

    episode: int
    score: float | None
    host_score: float | None
    parameters: int
    diverged: bool


@dataclass(frozen=True, kw_only=True)
class LiveEnvironment:
    """One host and how it grows.

    Attributes:
        environment: Its index.
        task: Name of the task.
        metric: What accuracies are measured in.
        episode: Number of the episode, counted from 0; 0 in a run of one host.
        seed: Seed of the run or of the episode's host.
        epoch: Epochs completed.
        epochs: Epochs it will train.
        curves: Accuracy of the network as it is and of what is committed, over epochs, points.
        host_parameters: Trainable parameters before anything grew.
        parameters: Trainable parameters now.
        max_parameters: Budget for them; ``None`` without one.
        reward: Sum of the rewards of this episode so far, points; ``None`` where nothing is paid.
        slots: Its slots.
        decisions: The last ten decisions but WAIT, oldest first.
        rollbacks: How often it diverged and went back, in this episode.
        end: How this episode ended, or the one before if it goes on; ``None`` if none did.
        is_over: Whether this episode is over.
    """

    environment: int
    task: str
    metric: MetricScale
    episode: int
    seed: int
    epoch: int
    epochs: int
    curves: tuple[LiveCurve, ...]
    host_parameters: int
    parameters: int
    max_parameters: int | None
    reward: float | None
    slots: tuple[LiveSlot, ...]
    decisions: tuple[LiveDecision, ...]
    rollbacks: int
    end: LiveEpisodeEnd | None
    is_over: bool


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """A run as it stands.

    Attributes:
        kind: ``run`` of one host, ``training`` of a controller, ``nothing`` before the first event.
        title: Task or environment; empty before the first event.
        controller: Name of the controller of a run; ``None`` in a training.
        seed: Seed of the whole; ``None`` before the first event.
        config_hash: Hash of the effective configuration; ``None`` before the first event.
        done: Epochs or environment steps made.
        total: How many there will be; ``None`` before the first event.
        unit: ``epochs`` or ``steps``.
        is_finished: Whether it came to its end.
        is_interrupted: Whether it was stopped before its end and did not go on since.
        last_time: When the last event was written, UTC, ISO 8601; ``None`` before it.
        events: Events so far.
        rates: How fast it goes; ``None`` where nobody timed it.
        learning: How learning stands; ``None`` in a run of one host.
        alarms: The last twenty alarms, oldest first.
        alarm_count: All alarms so far.
        environments: The hosts that are recorded, by index.
    """

    kind: str
    title: str
    controller: str | None
    seed: int | None
    config_hash: str | None
    done: int
    total: int | None
    unit: str
    is_finished: bool
    is_interrupted: bool
    last_time: str | None
    events: int
    rates: LiveRates | None
    learning: LiveLearning | None
    alarms: tuple[LiveAlarm, ...]
    alarm_count: int
    environments: tuple[LiveEnvironment, ...]

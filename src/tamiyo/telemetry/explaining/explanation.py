"""One decision: what it was made from, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from tamiyo.contracts import (
    HEADS_USED_BY,
    ConfigError,
    DecisionEvidence,
    DecisionMade,
    EpochCompleted,
    EpochReport,
    Event,
    GateEvaluated,
    GovernorRolledBack,
    Head,
    HostReport,
    LifecycleOp,
    MetricScale,
    RewardPaid,
    RunStarted,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SlotReport,
    StageChanged,
    check_at_least,
    legal_ops,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.telemetry.explaining.course import Course

__all__ = ["EpochAfter", "Explanation", "HeadChoice", "SlotOptions", "explain_decision"]

_OfSeed = (GateEvaluated, SeedFossilized, SeedGerminated, SeedPruned, StageChanged)
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, kw_only=True)
class SlotOptions:
    """A slot at the moment of a decision.

    Attributes:
        slot: Its report.
        ops: What was legal there besides WAIT, in the order of the op head.
    """

    slot: SlotReport
    ops: tuple[LifecycleOp, ...]


@dataclass(frozen=True, kw_only=True)
class HeadChoice:
    """What one head chose.

    Attributes:
        head: The head.
        chosen: Name of its choice.
        probabilities: Name and probability of each legal choice, given those of the heads before,
            the most probable first; empty where nobody recorded any.
    """

    head: Head
    chosen: str
    probabilities: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class EpochAfter:
    """An epoch from the decision on.

    Attributes:
        epoch: Its number.
        op: What was decided for it; ``None`` where nothing was.
        measured: What it measured; ``None`` if the log does not come so far.
        slot: The slot the decision was about, after it; ``None`` for WAIT or without that report.
        parameters: Trainable parameters after it; ``None`` as for ``measured``.
        reward: What its decision was paid, points; ``None`` if nobody paid.
    """

    epoch: int
    op: LifecycleOp | None
    measured: EpochReport | None
    slot: SlotReport | None
    parameters: int | None
    reward: float | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a decision was made, and what followed.

    Attributes:
        task: Name of the task.
        metric: What accuracies are measured in.
        controller: Name of the controller; ``None`` for the one that was being trained.
        seed: Seed of the host.
        environment: Index of the environment.
        episode: Number of the episode; ``None`` if this is a run by itself.
        epochs: Epochs the host was to train.
        decision: The decision.
        host: The host it was made for.
        measured: What was measured last before it.
        slots: Every slot with what was legal there.
        heads: What each head that the op uses chose, in the order of the heads.
        seed_id: The seed it was about; ``None`` for WAIT or a refused decision.
        followed: What happened to that seed, to every seed for WAIT, from the decision on; and
            every rollback.
        after: The epochs from the decision on.
        fate: How that seed ended; ``None`` if it has not, or there is none.
    """

    task: str
    metric: MetricScale
    controller: str | None
    seed: int
    environment: int
    episode: int | None
    epochs: int
    decision: DecisionMade
    host: HostReport
    measured: EpochReport
    slots: tuple[SlotOptions, ...]
    heads: tuple[HeadChoice, ...]
    seed_id: str | None
    followed: tuple[Event, ...]
    after: tuple[EpochAfter, ...]
    fate: SeedFossilized | SeedPruned | None

    @property
    def evidence(self) -> DecisionEvidence | None:
        """What the controller decided from; ``None`` if nobody recorded that."""
        return self.decision.evidence


@dataclass(frozen=True, kw_only=True)
class _Span:
    """How many epochs to look ahead, the decision's own included."""

    after: int


def explain_decision(course: Course, *, epoch: int, after: int = 5) -> Explanation:
    """Explain the decision that acts in an epoch.

    Args:
        course: What happened to the host.
        epoch: The epoch, counted from 1.
        after: Epochs to look ahead, that one included; at least 1.

    Raises:
        ConfigError: If nothing was decided for that epoch, or there is nothing to look ahead to.
    """
    check_at_least(_Span(after=after), {"after": 1})
    decision = _find_decision(course, epoch)
    host, measured = _find_moment(course, epoch)
    seed_id = _find_seed(course, decision, host)
    window = range(epoch, epoch + after)
    return Explanation(
        task=course.start.task,
        metric=course.start.metric,
        controller=course.start.controller if isinstance(course.start, RunStarted) else None,
        seed=course.start.seed,
        environment=course.environment,
        episode=course.episode,
        epochs=course.start.epochs,
        decision=decision,
        host=host,
        measured=measured,
        slots=tuple(_list_options(host)),
        heads=tuple(_list_choices(decision)),
        seed_id=seed_id,
        followed=tuple(_list_followed(course, decision, seed_id, window)),
        after=tuple(_list_epochs(course, decision, window)),
        fate=_find_fate(course, seed_id, epoch),
    )


def _pick(course: Course, kind: type[_Kind]) -> list[_Kind]:
    return [event for event in course.events if isinstance(event, kind)]


def _find_decision(course: Course, epoch: int) -> DecisionMade:
    """Find the decision of an epoch.

    Raises:
        ConfigError: If there is none.
    """
    decisions = {event.epoch: event for event in _pick(course, DecisionMade)}
    if epoch not in decisions:
        shown = f"from {min(decisions)} to {max(decisions)}" if decisions else "in no epoch"
        message = (
            f"epoch must be one that something was decided in, {shown} here, got {epoch}: the "
            "closing epochs train what was committed"
        )
        raise ConfigError(message)
    return decisions[epoch]


def _find_moment(course: Course, epoch: int) -> tuple[HostReport, EpochReport]:
    """Return the host and what was last measured when an epoch's decision was made."""
    host, measured = course.start.host, course.start.initial
    for event in _pick(course, EpochCompleted):
        if event.measured.epoch < epoch:
            host, measured = event.host, event.measured
    # What blueprints would add never changes; only the start tells it.
    sizes = {slot.slot_id: slot.blueprint_parameters for slot in course.start.host.slots}
    slots = [replace(slot, blueprint_parameters=sizes.get(slot.slot_id, {})) for slot in host.slots]
    return replace(host, slots=tuple(slots)), measured


def _list_options(host: HostReport) -> Iterator[SlotOptions]:
    for slot in host.slots:
        legal = legal_ops(slot, host) - {LifecycleOp.WAIT}
        yield SlotOptions(slot=slot, ops=tuple(sorted(legal)))


def _list_choices(decision: DecisionMade) -> Iterator[HeadChoice]:
    command, evidence = decision.command, decision.evidence
    known = {} if evidence is None else evidence.probabilities
    for head in HEADS_USED_BY[command.op]:
        value = command.slot_id if head == Head.SLOT else getattr(command, head)
        chosen = value if isinstance(value, str | None) else value.name
        if chosen is not None:
            ranked = sorted(known.get(head, {}).items(), key=lambda item: -item[1])
            yield HeadChoice(head=head, chosen=chosen, probabilities=tuple(ranked))


def _find_seed(course: Course, decision: DecisionMade, host: HostReport) -> str | None:
    if decision.command.slot_id is None or not decision.action_valid:
        return None
    for event in _pick(course, SeedGerminated):
        if (event.epoch, event.slot_id) == (decision.epoch, decision.command.slot_id):
            return event.seed_id
    seed = host.slot(decision.command.slot_id).seed
    return None if seed is None else seed.seed_id


def _list_followed(
    course: Course, decision: DecisionMade, seed_id: str | None, window: range
) -> Iterator[Event]:
    everything = decision.command.op == LifecycleOp.WAIT or seed_id is None
    started = False
    for event in course.events:
        # What the epoch before brought bears the same number, but stands before the decision.
        started = started or event is decision
        if not started or event is decision:
            continue
        if isinstance(event, GovernorRolledBack):
            concerns = event.epoch in window
        elif isinstance(event, _OfSeed):
            concerns = event.epoch in window and (everything or event.seed_id == seed_id)
        else:
            continue
        if concerns:
            yield event


def _list_epochs(course: Course, decision: DecisionMade, window: range) -> Iterator[EpochAfter]:
    slot_id = decision.command.slot_id
    completed = {event.measured.epoch: event for event in _pick(course, EpochCompleted)}
    ops = {event.epoch: event.command.op for event in _pick(course, DecisionMade)}
    rewards = {event.epoch: event.parts.total for event in _pick(course, RewardPaid)}
    for epoch in window:
        done = completed.get(epoch)
        if epoch > course.start.epochs:
            return
        yield EpochAfter(
            epoch=epoch,
            op=ops.get(epoch),
            measured=None if done is None else done.measured,
            slot=None if done is None or slot_id is None else done.host.slot(slot_id),
            parameters=None if done is None else done.host.parameters,
            reward=rewards.get(epoch),
        )


def _find_fate(
    course: Course, seed_id: str | None, epoch: int
) -> SeedFossilized | SeedPruned | None:
    fates: list[SeedFossilized | SeedPruned] = [
        *_pick(course, SeedFossilized),
        *_pick(course, SeedPruned),
    ]
    ended = [event for event in fates if event.seed_id == seed_id and event.epoch >= epoch]
    return max(ended, key=lambda event: event.epoch) if ended else None

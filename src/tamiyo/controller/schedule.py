"""A schedule fixed in advance, and the controller that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import (
    HEADS_USED_BY,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    Head,
    LifecycleOp,
    ScheduleError,
    SeedStage,
    SlotIdError,
    Style,
    TamiyoDecision,
    Tempo,
    legal_ops,
    parse_slot_id,
)
from tamiyo.controller.protocol import is_legal

if TYPE_CHECKING:
    from tamiyo.contracts import HostReport, SeedReport, SlotReport, TrainingSignals

__all__ = ["Schedule", "ScheduleController", "ScriptedDecision", "SeedPlan", "check_schedule"]


@dataclass(frozen=True, kw_only=True)
class SeedPlan:
    """One seed to grow: a step that is not legal yet waits.

    Attributes:
        slot: Id of its slot.
        germinate: Epoch from which it may be planted, at least 1.
        blueprint: What it is built from; not NOOP.
        style: How it is composed.
        tempo: Length of its first ramp.
        alpha_target: Alpha that ramp leads to.
        incubate: Epochs it stays in TRAINING at least, at least 1.
        hold: Epochs it stays in HOLDING before it is committed, at least 1.
        fossilize: Earliest epoch in which it is committed.
        prune: Epoch from which it is pruned unless it is committed; then it no longer advances.
    """

    slot: str
    germinate: int
    blueprint: Blueprint
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL
    incubate: int = 1
    hold: int = 1
    fossilize: int | None = None
    prune: int | None = None

    def __post_init__(self) -> None:
        """Check every field where it enters.

        Raises:
            ScheduleError: If a field breaks its rule.
        """
        _check_slot(self.slot)
        _check_blueprint(self.blueprint)
        for name in ("germinate", "incubate", "hold", "fossilize", "prune"):
            _check_epoch(name, getattr(self, name))
        for name in ("fossilize", "prune"):
            epoch = getattr(self, name)
            if epoch is not None and epoch <= self.germinate:
                message = f"{name} must come after germinate = {self.germinate}, got {epoch}"
                raise ScheduleError(message)
        if self.fossilize is not None and self.prune is not None and self.prune <= self.fossilize:
            message = f"prune must come after fossilize = {self.fossilize}, got {self.prune}"
            raise ScheduleError(message)


@dataclass(frozen=True, kw_only=True)
class ScriptedDecision:
    """One decision word for word; it is made once, in the first epoch in which it is legal.

    Attributes:
        epoch: Epoch from which it may be made, at least 1.
        op: What to do.
        slot: Id of its slot; required unless the op is WAIT.
        blueprint: What to germinate; required for GERMINATE, not NOOP.
        style: How the seed is composed; ``None`` keeps the seed's own, or the neutral one at birth.
        tempo: Length of the first ramp.
        alpha_target: Alpha to lead to.
        alpha_speed: Length of the ramp there or of the way out.
        alpha_curve: Shape of that ramp; needs a speed other than INSTANT.
    """

    epoch: int
    op: LifecycleOp
    slot: str | None = None
    blueprint: Blueprint | None = None
    style: Style | None = None
    tempo: Tempo | None = None
    alpha_target: AlphaTarget | None = None
    alpha_speed: AlphaSpeed | None = None
    alpha_curve: CurveChoice | None = None

    def __post_init__(self) -> None:
        """Check every field where it enters.

        Raises:
            ScheduleError: If a field breaks its rule, is missing, or has no effect under the op.
        """
        _check_epoch("epoch", self.epoch)
        used = HEADS_USED_BY[self.op]
        for head in set(Head) - {Head.OP} - set(used):
            if getattr(self, head) is not None:
                message = (
                    f"{head} must be left out with op {self.op.name}, got {_name_of(self, head)}"
                )
                raise ScheduleError(message)
        if Head.SLOT in used:
            _check_slot(self.slot)
        if Head.BLUEPRINT in used:
            _check_blueprint(self.blueprint)
        instant = self.alpha_speed in {None, AlphaSpeed.INSTANT}
        if instant and self.alpha_curve not in {None, CurveChoice.LINEAR}:
            got = _name_of(self, Head.ALPHA_CURVE)
            message = f"alpha_curve must be LINEAR while alpha_speed is INSTANT, got {got}"
            raise ScheduleError(message)

    def decide(self, host: HostReport) -> TamiyoDecision:
        """Fill in what was left out.

        Args:
            host: The host now, for the style a seed already has.

        Raises:
            SlotIdError: If the host has no such slot.
        """
        reason = f"scheduled from epoch {self.epoch}"
        decision = TamiyoDecision(op=self.op, slot_id=self.slot, reason=reason)
        given = {head: getattr(self, head) for head in set(Head) - {Head.OP, Head.SLOT}}
        seed = None if self.slot is None else host.slot(self.slot).seed
        if seed is not None:
            decision = replace(decision, style=seed.style)
        return replace(
            decision, **{head: value for head, value in given.items() if value is not None}
        )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything a fixed schedule does; empty, it waits.

    Attributes:
        seeds: Seeds to grow.
        decisions: Decisions word for word; they go before what the seeds need.
        source: Where it came from, for messages.
    """

    seeds: tuple[SeedPlan, ...] = ()
    decisions: tuple[ScriptedDecision, ...] = ()
    source: str = "schedule"

    def __post_init__(self) -> None:
        """Refuse two births in one place.

        Raises:
            ScheduleError: If a slot is germinated twice from the same epoch.
        """
        births: set[tuple[str | None, int]] = set()
        for place, entry in self.entries():
            slot, epoch = entry.slot, _birth_epoch(entry)
            if epoch is None:
                continue
            if (slot, epoch) in births:
                message = f"{place}: germinate must be once per epoch and slot, got {epoch} twice"
                raise ScheduleError(message)
            births.add((slot, epoch))

    def entries(self) -> Iterator[tuple[str, SeedPlan | ScriptedDecision]]:
        """Yield every entry after its place in the source, seeds first."""
        for number, plan in enumerate(self.seeds, start=1):
            yield f"{self.source}, seed {number}", plan
        for number, decision in enumerate(self.decisions, start=1):
            yield f"{self.source}, decision {number}", decision


def check_schedule(schedule: Schedule, host: HostReport, *, decision_epochs: int) -> None:
    """Refuse a schedule that this run can never carry out.

    Args:
        schedule: The schedule.
        host: The host before training.
        decision_epochs: Epochs of the run in which a decision is made.

    Raises:
        ScheduleError: If an entry names an epoch after the last decision, a slot the host does not
            have, or a blueprint that does not fit the slot or, even alone, the parameter budget.
    """
    for place, entry in schedule.entries():
        for name in ("epoch", "germinate", "fossilize", "prune"):
            epoch = getattr(entry, name, None)
            if epoch is not None and epoch > decision_epochs:
                message = (
                    f"{place}: {name} must be at most {decision_epochs}, the run's last decision, "
                    f"got {epoch}"
                )
                raise ScheduleError(message)
        if entry.slot is None:
            continue
        if entry.slot not in host.slot_ids:
            known = ", ".join(host.slot_ids)
            message = f"{place}: slot must be one of {known}, got {entry.slot!r}"
            raise ScheduleError(message)
        if entry.blueprint is not None:
            _check_fit(place, entry.blueprint, host.slot(entry.slot), host)


class ScheduleController:
    """Carries out a schedule, one decision per epoch.

    Decisions written word for word go first; those of one slot keep their order, so one that must
    wait holds back the later ones. Then, over all seeds of the schedule: fossilize, advance, prune,
    germinate, the earliest entry first.

    Args:
        schedule: What to do.
        name: Name for records and tables.
    """

    def __init__(self, schedule: Schedule, *, name: str = "schedule") -> None:
        self.schedule = schedule
        self._name = name
        self._scripted = sorted(schedule.decisions, key=lambda decision: decision.epoch)
        self._unborn = sorted(schedule.seeds, key=lambda plan: plan.germinate)
        self._born: list[SeedPlan] = []

    @property
    def name(self) -> str:
        """Name for records and tables."""
        return self._name

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Return the first due decision that is legal, else WAIT.

        Args:
            signals: The course of training so far, for the reason only.
            host: The host and its slots now.

        Raises:
            SlotIdError: If the schedule names a slot the host does not have.
        """
        decision = self._follow_script(host) or self._tend(host) or self._plant(host)
        left = signals.epochs_left
        return decision or TamiyoDecision(reason=f"nothing is due and legal, {left} decisions left")

    def _follow_script(self, host: HostReport) -> TamiyoDecision | None:
        waiting: set[str | None] = set()
        for scripted in self._scripted:
            if scripted.epoch > host.epoch:
                break
            decision = scripted.decide(host)
            if scripted.slot not in waiting and is_legal(host, decision):
                self._scripted.remove(scripted)
                return decision
            waiting.add(scripted.slot)
        return None

    def _tend(self, host: HostReport) -> TamiyoDecision | None:
        for op in (LifecycleOp.FOSSILIZE, LifecycleOp.ADVANCE, LifecycleOp.PRUNE):
            for plan in self._born:
                slot = host.slot(plan.slot)
                if slot.seed is None or op not in legal_ops(slot, host):
                    continue
                reason = _STEPS[op](plan, slot.seed, slot.stage, host.epoch)
                if reason is not None:
                    return TamiyoDecision(op=op, slot_id=plan.slot, reason=reason)
        return None

    def _plant(self, host: HostReport) -> TamiyoDecision | None:
        for plan in self._unborn:
            if plan.germinate > host.epoch:
                break
            decision = TamiyoDecision(
                op=LifecycleOp.GERMINATE,
                slot_id=plan.slot,
                blueprint=plan.blueprint,
                style=plan.style,
                tempo=plan.tempo,
                alpha_target=plan.alpha_target,
                reason=f"planned from epoch {plan.germinate}",
            )
            if is_legal(host, decision):
                self._unborn.remove(plan)
                self._born = [other for other in self._born if other.slot != plan.slot] + [plan]
                return decision
        return None


_Step = Callable[[SeedPlan, "SeedReport", SeedStage | None, int], str | None]


def _is_leaving(plan: SeedPlan, epoch: int) -> bool:
    return plan.prune is not None and epoch >= plan.prune


def _fossilize_step(
    plan: SeedPlan, seed: SeedReport, _stage: SeedStage | None, epoch: int
) -> str | None:
    is_early = plan.fossilize is not None and epoch < plan.fossilize
    if is_early or _is_leaving(plan, epoch) or seed.epochs_in_stage < plan.hold:
        return None
    return f"held {seed.epochs_in_stage} of {plan.hold} epochs"


def _advance_step(
    plan: SeedPlan, seed: SeedReport, stage: SeedStage | None, epoch: int
) -> str | None:
    if _is_leaving(plan, epoch):
        return None
    if stage != SeedStage.TRAINING:
        return f"its gate passed after {seed.epochs_in_stage} epochs"
    if seed.epochs_in_stage < plan.incubate:
        return None
    return f"incubated {seed.epochs_in_stage} of {plan.incubate} epochs"


def _prune_step(
    plan: SeedPlan, _seed: SeedReport, _stage: SeedStage | None, epoch: int
) -> str | None:
    return f"planned from epoch {plan.prune}" if _is_leaving(plan, epoch) else None


_STEPS: Final[dict[LifecycleOp, _Step]] = {
    LifecycleOp.FOSSILIZE: _fossilize_step,
    LifecycleOp.ADVANCE: _advance_step,
    LifecycleOp.PRUNE: _prune_step,
}


def _birth_epoch(entry: SeedPlan | ScriptedDecision) -> int | None:
    if isinstance(entry, SeedPlan):
        return entry.germinate
    return entry.epoch if entry.op == LifecycleOp.GERMINATE else None


def _name_of(record: ScriptedDecision, field_name: str) -> str:
    value = getattr(record, field_name)
    return value if isinstance(value, str) else value.name


def _check_slot(slot: str | None) -> None:
    if slot is None:
        message = "slot must be given for this op, got none"
        raise ScheduleError(message)
    try:
        parse_slot_id(slot)
    except SlotIdError as error:
        raise ScheduleError(str(error)) from None


def _check_blueprint(blueprint: Blueprint | None) -> None:
    if blueprint in {None, Blueprint.NOOP}:
        got = "none" if blueprint is None else blueprint.name
        message = f"blueprint must be something to build, got {got}"
        raise ScheduleError(message)


def _check_epoch(name: str, epoch: int | None) -> None:
    if epoch is not None and epoch < 1:
        message = f"{name} must be at least 1, got {epoch}"
        raise ScheduleError(message)


def _check_fit(place: str, blueprint: Blueprint, slot: SlotReport, host: HostReport) -> None:
    size = slot.blueprint_parameters.get(blueprint)
    if size is None:
        known = ", ".join(b.name for b in slot.blueprint_parameters if b != Blueprint.NOOP)
        message = (
            f"{place}: blueprint at {slot.slot_id} must be one of {known or 'nothing'}, "
            f"got {blueprint.name}"
        )
        raise ScheduleError(message)
    if host.max_parameters is not None and host.host_parameters + size > host.max_parameters:
        room = host.max_parameters - host.host_parameters
        message = (
            f"{place}: blueprint must add at most {room} parameters (the budget is "
            f"{host.max_parameters}), got {blueprint.name} with {size}"
        )
        raise ScheduleError(message)

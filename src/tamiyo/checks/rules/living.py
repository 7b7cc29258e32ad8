"""Requirements 4.1 to 4.4: the lives of seeds, and what is told of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tamiyo.checks.findings import Finding, find_violations
from tamiyo.contracts import AlphaMode, Blueprint, LifecycleOp, SeedStage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tamiyo.checks.evidence import Evidence, HostCourse, HostStep, Play
    from tamiyo.contracts import DecisionMade, HostReport, SeedReport, SlotReport

__all__ = ["check_agreement", "check_embargo", "check_freshness", "is_executable"]

# Requirements 0.5, 0.9 and 4.2, written down once more and not read from the code that is checked.
_ADVANCING: Final = (SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING)
_BLENDED: Final = (SeedStage.BLENDING, SeedStage.HOLDING)
_LIVING: Final = (*_ADVANCING, SeedStage.HOLDING)
_COOLING: Final = (SeedStage.PRUNED, SeedStage.EMBARGOED, SeedStage.RESETTING)
_TOLERANCE: Final = 1e-6
_MEMORY: Final = 0.7
_ENOUGH: Final = 12
"""Measurements of a gradient that cannot all be the same by chance."""


def check_embargo(evidence: Evidence) -> Iterator[Finding]:
    """A slot is closed for the whole embargo after a prune, and open after it (4.1)."""
    embargo = evidence.rules.lifecycle.embargo_epochs_after_prune
    closures = [closure for moments in _walk_slots(evidence) for closure in _find_closures(moments)]
    scheduled = [
        (course, step, epochs)
        for course, step in evidence.walk()
        if (epochs := _read_schedule(step)) > 0
    ]
    violations = [
        f"{closure.slot} was {'planted in' if closure.is_planted else 'free'} {closure.epochs} "
        f"epochs after the prune of epoch {closure.removed} instead of {embargo}"
        for closure in closures
        if closure.ended and closure.epochs != embargo
    ]
    violations += [
        f"{closure.slot} is still closed {closure.epochs} epochs after the prune of epoch "
        f"{closure.removed}"
        for closure in closures
        if not closure.ended and closure.epochs > embargo
    ]
    violations += [
        what for course, step, epochs in scheduled for what in _judge_schedule(course, step, epochs)
    ]
    if closures or violations:
        freed = sum(closure.ended for closure in closures)
        yield find_violations(
            violations,
            f"{len(closures)} prunes, {len(scheduled)} commanded on a schedule; {freed} slots free "
            f"again after exactly {embargo} epochs",
        )


def check_agreement(evidence: Evidence) -> Iterator[Finding]:
    """Masks, execution and reward agree on every decision (4.2)."""
    decided = [(course, step) for course, step in evidence.walk() if step.decision is not None]
    if decided:
        pairs = {pair for _, step in decided for pair in _name_pair(step)}
        yield find_violations(
            [what for course, step in decided for what in _judge_decision(course, step)],
            f"{len(decided)} decisions, {len(pairs)} pairs of op and stage, executed as the rules "
            "say",
        )
    play = evidence.play
    if play is not None and play.tried.any():
        yield _compare_with_wait(play)


def check_freshness(evidence: Evidence) -> Iterator[Finding]:
    """What is told of a seed is of this epoch, or says how old it is (4.4)."""
    pairs = [
        (course.locate(step, after.slot_id), before, after)
        for course, step in evidence.walk()
        if step.measured.rolled_back is None
        for before, after in zip(step.before.slots, step.after.slots, strict=True)
        if after.seed is not None
        and before.seed is not None
        and before.seed.seed_id == after.seed.seed_id
    ]
    if not pairs:
        return
    seeds = [after.seed for _, _, after in pairs if after.seed is not None]
    norms = [seed.gradient_norm for seed in seeds if seed.gradient_norm is not None]
    healths = [seed.gradient_health for seed in seeds if seed.gradient_health is not None]
    velocities = sum(seed.contribution_velocity is not None for seed in seeds)
    violations = [f"{where}: {what}" for where, old, new in pairs for what in _find_stale(old, new)]
    if len(norms) >= _ENOUGH and len(set(norms)) < len(norms) // 2:
        violations.append(f"{len(norms)} gradients have {len(set(norms))} norms between them")
    if not all(0 <= health <= 1 for health in healths):
        violations.append("a gradient's health is outside [0, 1]")
    yield find_violations(
        violations,
        f"{len(pairs)} seeds from one epoch to the next, {len(set(norms))} gradient norms, "
        f"{velocities} velocities",
    )


def is_executable(op: LifecycleOp, slot: SlotReport, host: HostReport) -> bool:
    """Say by the documented rules whether an op may be carried out on a slot.

    Args:
        op: The op.
        slot: The slot.
        host: Its host, for the age from which seeds may be pruned.
    """
    seed = slot.seed
    if op == LifecycleOp.GERMINATE:
        return slot.stage is None and bool(slot.blueprint_parameters.keys() - {Blueprint.NOOP})
    if seed is None:
        return op == LifecycleOp.WAIT
    passed = seed.gate is not None and all(check.passed for check in seed.gate.checks)
    steady = seed.alpha.mode == AlphaMode.HOLD
    rules: Mapping[LifecycleOp, bool] = {
        LifecycleOp.WAIT: True,
        LifecycleOp.ADVANCE: slot.stage in _ADVANCING and passed,
        LifecycleOp.FOSSILIZE: slot.stage == SeedStage.HOLDING and passed,
        LifecycleOp.SET_ALPHA_TARGET: slot.stage in _BLENDED and steady,
        LifecycleOp.PRUNE: slot.stage in _LIVING
        and steady
        and seed.age_epochs >= host.min_prune_age_epochs,
    }
    return rules[op]


class _Moment(NamedTuple):
    """One epoch of one slot."""

    slot: str
    epoch: int
    before: SlotReport
    after: SlotReport


class _Closure(NamedTuple):
    """A prune and how long its slot was closed after it."""

    slot: str
    removed: int
    epochs: int
    ended: bool
    is_planted: bool


def _walk_slots(evidence: Evidence) -> Iterator[list[_Moment]]:
    """Yield the epochs of every slot in which there were decisions, anew after a rollback."""
    for course in evidence.courses:
        steps = [step for step in course.steps if step.decision is not None]
        rolled_back = [place for place, step in enumerate(steps) if step.measured.rolled_back]
        steps = steps[rolled_back[-1] + 1 :] if rolled_back else steps
        for slot in course.start.host.slots:
            yield [
                _Moment(
                    f"{course.name} slot {slot.slot_id}",
                    step.epoch,
                    step.before.slot(slot.slot_id),
                    step.after.slot(slot.slot_id),
                )
                for step in steps
            ]
    if evidence.play is not None and not evidence.courses:
        yield from _walk_played(evidence.play)


def _walk_played(play: Play) -> Iterator[list[_Moment]]:
    for environment in range(play.valid.shape[1] if play.hosts else 0):
        for slot_id in play.hosts[0][environment].slot_ids:
            slots = [row[environment].slot(slot_id) for row in play.hosts]
            yield [
                _Moment(f"environment {environment} slot {slot_id}", epoch, before, after)
                for epoch, (before, after) in enumerate(pairwise(slots), start=1)
            ]


def _find_closures(moments: list[_Moment]) -> Iterator[_Closure]:
    """Find every prune, and when the slot was free again, planted in, or the record ended."""
    for place, moment in enumerate(moments):
        if moment.before.seed is None or moment.after.seed is not None:
            continue
        later = moments[place:]
        ends = [one for one in later if one.after.stage is None or one.after.seed is not None]
        last = ends[0] if ends else later[-1]
        yield _Closure(
            slot=moment.slot,
            removed=moment.epoch,
            epochs=last.epoch - moment.epoch,
            ended=bool(ends),
            is_planted=last.after.seed is not None,
        )


def _read_schedule(step: HostStep) -> int:
    """Return over how many epochs a step's prune was to go; 0 if it commanded none."""
    decision = step.decision
    if decision is None or not decision.action_valid or decision.command.op != LifecycleOp.PRUNE:
        return 0
    speed = decision.command.alpha_speed
    return 0 if speed is None else speed.epochs


def _judge_schedule(course: HostCourse, step: HostStep, epochs: int) -> Iterator[str]:
    """Say where a prune on a schedule did not leave when it was to."""
    assert step.decision is not None
    slot_id = step.decision.command.slot_id or ""
    due = step.epoch + epochs - 1
    for later in course.steps:
        if later.measured.rolled_back is not None or later.decision is None:
            return
        is_gone = later.after.slot(slot_id).seed is None
        if step.epoch <= later.epoch <= due and is_gone != (later.epoch == due):
            held = "nothing" if is_gone else "a seed"
            yield (
                f"{course.locate(step, slot_id)}: a prune of {epochs} epochs leaves {held} in "
                f"epoch {later.epoch}"
            )


def _name_pair(step: HostStep) -> Iterator[tuple[str, str]]:
    """Yield the op of a decision with the stage of its slot."""
    if step.decision is not None and step.decision.command.slot_id is not None:
        stage = step.before.slot(step.decision.command.slot_id).stage
        yield step.decision.command.op.name, "free" if stage is None else stage.name


def _judge_decision(course: HostCourse, step: HostStep) -> Iterator[str]:
    """Say what of a decision is not as the rules have it."""
    assert step.decision is not None
    command, valid = step.decision.command, step.decision.action_valid
    slot = None if command.slot_id is None else step.before.slot(command.slot_id)
    where = f"{course.locate(step, command.slot_id)} {command.op.name}"
    yield from (f"{where}: {what}" for what in _judge_legal_ops(step, step.decision))
    if slot is None:
        return
    if valid and not is_executable(command.op, slot, step.before):
        yield f"{where} was carried out against the rules"
    if step.measured.rolled_back is None:
        after = step.after.slot(slot.slot_id)
        if valid != _has_effect(command.op, slot, after):
            yield f"{where} was {'valid without' if valid else 'refused and had an'} effect"


def _judge_legal_ops(step: HostStep, decision: DecisionMade) -> Iterator[str]:
    """Compare the ops that the record calls legal with those of the rules."""
    if decision.evidence is None:
        return
    told, host = set(decision.evidence.legal_ops), step.before
    ops = {op for op in LifecycleOp if any(is_executable(op, slot, host) for slot in host.slots)}
    lacking = ops - told
    if host.max_parameters is not None:
        lacking -= {LifecycleOp.GERMINATE}  # the budget may have no room
    yield from (f"the masks are wrong about {op.name}" for op in sorted((told - ops) | lacking))


def _has_effect(op: LifecycleOp, before: SlotReport, after: SlotReport) -> bool:
    """Whether a slot looks as if an op was carried out on it."""
    old, new = before.seed, after.seed
    if op == LifecycleOp.GERMINATE:
        return old is None and new is not None
    if op == LifecycleOp.PRUNE:
        return old is not None and (new is None or new.alpha.target == 0)
    if old is None or new is None:
        return False
    changes = after.stage != before.stage
    effects: Mapping[LifecycleOp, bool] = {
        LifecycleOp.FOSSILIZE: after.stage == SeedStage.FOSSILIZED,
        LifecycleOp.ADVANCE: changes,
        LifecycleOp.SET_ALPHA_TARGET: changes or (new.style, new.alpha) != (old.style, old.alpha),
    }
    return effects[op]


def _compare_with_wait(play: Play) -> Finding:
    """Compare the environment that was sent illegal actions with its equal that waited."""
    differing = [
        name
        for name in ("observations", "masks", "rewards", "ended")
        if not np.array_equal(getattr(play, name)[:, 0], getattr(play, name)[:, 1])
    ]
    count = int(play.tried.sum())
    return Finding(
        not differing,
        f"{count} illegal actions changed {', '.join(differing) or 'nothing'}, "
        "bit for bit beside an equal environment that waited",
    )


def _find_stale(before: SlotReport, after: SlotReport) -> Iterator[str]:
    old, new = before.seed, after.seed
    assert old is not None
    assert new is not None
    if new.previous_gradient_health != old.gradient_health:
        yield "the previous gradient health is not that of the epoch before"
    if after.stage in _LIVING and new.age_epochs != old.age_epochs + 1:
        yield f"its age went from {old.age_epochs} to {new.age_epochs}"
    yield from _judge_contribution(old, new)


def _judge_contribution(old: SeedReport, new: SeedReport) -> Iterator[str]:
    since = new.epochs_since_counterfactual
    if new.contribution is None:
        if since is not None:
            yield "it was never measured and says when"
        return
    if not np.isfinite(new.contribution.points):  # equal to nothing, itself included
        return
    kept = old.contribution == new.contribution
    if since != 0 and (old.epochs_since_counterfactual is None or not kept):
        yield f"its contribution is new and says it is {since} epochs old"
    if since not in {0, None} and since != (old.epochs_since_counterfactual or 0) + 1:
        yield f"its contribution's age went from {old.epochs_since_counterfactual} to {since}"
    if since == 0:
        yield from _judge_velocity(old, new)


def _judge_velocity(old: SeedReport, new: SeedReport) -> Iterator[str]:
    if old.contribution is None or new.contribution is None:
        return
    change = new.contribution.points - old.contribution.points
    wanted = change
    if old.contribution_velocity is not None:
        wanted = _MEMORY * old.contribution_velocity + (1 - _MEMORY) * change
    got = new.contribution_velocity
    if not np.isfinite(wanted):
        return
    if got is None or abs(got - wanted) > _TOLERANCE * max(1.0, abs(wanted)):
        yield f"its contribution's velocity is {got} instead of {wanted:.6g}"

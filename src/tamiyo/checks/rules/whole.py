"""Requirements 8.1 and 8.2: whole lives of seeds, and nothing left behind by them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tamiyo.checks.findings import Finding, find_violations
from tamiyo.contracts import (
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedStage,
    StageChanged,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tamiyo.checks.evidence import Cycles, Evidence, HostCourse

__all__ = ["check_ledgers", "check_lives"]

# Requirement 4.1 and the lifecycle, written down once more: what may follow a stage.
_FOLLOWS: Final[Mapping[SeedStage | None, Collection[SeedStage | None]]] = {
    None: {SeedStage.GERMINATED},
    SeedStage.GERMINATED: {SeedStage.TRAINING, SeedStage.PRUNED},
    SeedStage.TRAINING: {SeedStage.BLENDING, SeedStage.PRUNED},
    SeedStage.BLENDING: {SeedStage.HOLDING, SeedStage.PRUNED},
    SeedStage.HOLDING: {SeedStage.FOSSILIZED, SeedStage.BLENDING, SeedStage.PRUNED},
    SeedStage.FOSSILIZED: (),
    SeedStage.PRUNED: {SeedStage.EMBARGOED},
    SeedStage.EMBARGOED: {SeedStage.RESETTING},
    SeedStage.RESETTING: {None},
}
_ONCE: Final = (SeedGerminated, SeedFossilized, SeedPruned)


def check_lives(evidence: Evidence) -> Iterator[Finding]:
    """Every seed goes through its stages in order, and every event is told once (8.1)."""
    violations, planted, kept, removed = list[str](), 0, 0, 0
    for course in evidence.courses:
        events = [event for step in course.steps for event in step.changes]
        for kind in _ONCE:
            ids = Counter(event.seed_id for event in events if isinstance(event, kind))
            violations += [
                f"{course.name} tells {kind.__name__} of {seed_id} {count} times"
                for seed_id, count in ids.items()
                if count > 1
            ]
        planted += sum(isinstance(event, SeedGerminated) for event in events)
        kept += sum(isinstance(event, SeedFossilized) for event in events)
        removed += sum(isinstance(event, SeedPruned) for event in events)
        violations += _follow_stages(course)
    if evidence.courses:
        left_out = f", of {evidence.left_out} more none" if evidence.left_out else ""
        yield find_violations(
            violations,
            f"{planted} seeds of {len(evidence.courses)} hosts lived through their stages in "
            f"order, {kept} kept and {removed} pruned{left_out}",
        )
    if evidence.cycles is not None:
        yield _check_births(evidence.cycles)


def _check_births(cycles: Cycles) -> Finding:
    """A seed begins as the identity and learns from its first step on."""
    moving = [f"{name} changes the outputs when it is born" for name in cycles.moving]
    dead = [f"{name} gets no gradient when it is born" for name in cycles.dead]
    return find_violations(
        moving + dead, f"{cycles.count} seeds were the identity at birth and got a gradient"
    )


def check_ledgers(evidence: Evidence) -> Iterator[Finding]:
    """What seeds add is counted while they live, and nothing stays when they go (8.2)."""
    violations, epochs = list[str](), 0
    for course in evidence.courses:
        for step in course.steps:
            epochs += 1
            host = step.after
            seeds = sum(slot.seed.parameters for slot in host.slots if slot.seed is not None)
            if host.parameters != host.host_parameters + seeds:
                violations.append(
                    f"{course.locate(step)} counts {host.parameters} parameters, of which "
                    f"{host.host_parameters} are the host's and {seeds} its seeds'"
                )
    if epochs:
        yield find_violations(
            violations, f"parameters of {epochs} epochs are those of the host and its living seeds"
        )
    cycles = evidence.cycles
    if cycles is not None:
        grown = [
            f"{name} went from {before} to {cycles.after[name]}"
            for name, before in cycles.before.items()
            if cycles.after[name] != before
        ]
        strays = [f"{cycles.strays} parameters in no group or in two"] if cycles.strays else []
        held = ", ".join(f"{count} {name}" for name, count in cycles.after.items())
        yield find_violations(
            grown + strays, f"after {cycles.count} seeds that came and went: {held}, as before"
        )


def _follow_stages(course: HostCourse) -> Iterator[str]:
    """Follow the stages of every slot by the events, and compare with the reports."""
    now: dict[str, SeedStage | None] = {slot.slot_id: None for slot in course.start.host.slots}
    for step in course.steps:
        for event in step.pick(StageChanged):
            before, after = now[event.slot_id], event.to_stage
            if event.from_stage != before:
                yield f"{course.locate(step, event.slot_id)} left a stage it was not in"
            if after not in _FOLLOWS.get(event.from_stage, ()):
                names = [stage.name if stage else "free" for stage in (event.from_stage, after)]
                yield f"{course.locate(step, event.slot_id)} went from {' to '.join(names)}"
            now[event.slot_id] = after
        if step.measured.rolled_back is not None:
            now = {slot.slot_id: slot.stage for slot in step.after.slots}
        for slot in step.after.slots:
            if now[slot.slot_id] != slot.stage:
                yield f"{course.locate(step, slot.slot_id)} is in a stage that no event told"
                now[slot.slot_id] = slot.stage

"""Fixed schedules of many environments at once.

The rules are those of :class:`~tamiyo.controller.ScheduleController`, on arrays; a test drives both
side by side. A schedule plants at most one seed in each slot and prunes none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import (
    AlphaTarget,
    Blueprint,
    Head,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.controller import Schedule, SeedPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import ActionSpec
    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.observation import HostArrays

__all__ = ["SchedulePlans", "decide_by_schedule", "draw_plan", "to_schedule"]

Ints = NDArray[np.int64]

_HEAD: Final = {head: position for position, head in enumerate(Head)}
_EMPTY_SHARE: Final = 0.25
_PLANNED: Final = (Head.BLUEPRINT, Head.STYLE, Head.TEMPO, Head.ALPHA_TARGET)


@dataclass(frozen=True, kw_only=True)
class SchedulePlans:
    """P schedules for S slots, each ``[P, S]``; what is not legal yet waits.

    Attributes:
        germinate: Epoch from which the slot's seed may be planted; 0 for never.
        blueprint: What it is built from.
        style: How it is composed.
        tempo: Length of its first ramp.
        alpha_target: Alpha that ramp leads to.
        incubate: Epochs it stays in TRAINING at least.
        hold: Epochs it stays in HOLDING before it is committed.
        fossilize: Earliest epoch in which it is committed.
    """

    germinate: Ints
    blueprint: Ints
    style: Ints
    tempo: Ints
    alpha_target: Ints
    incubate: Ints
    hold: Ints
    fossilize: Ints

    @classmethod
    def stack(cls, plans: Sequence[SchedulePlans]) -> Self:
        """Put schedules below each other."""
        names = [item.name for item in fields(cls)]
        return cls(
            **{name: np.concatenate([getattr(plan, name) for plan in plans]) for name in names}
        )

    def take(self, rows: Ints) -> Self:
        """Return some of the schedules, in the given order and as often as given."""
        cls = type(self)
        return cls(**{item.name: getattr(self, item.name)[rows] for item in fields(cls)})


def draw_plan(config: SurrogateConfig, rng: np.random.Generator) -> SchedulePlans:
    """Draw a schedule at random, P = 1; each slot stays empty in a quarter of them.

    Args:
        config: The family of hosts.
        rng: Where the draws come from.
    """
    shape = (1, config.slots)
    last = config.decision_epochs
    germinate = rng.integers(1, 1 + max(1, last // 2), shape)
    dwell = 1 + max(1, last // 4)
    return SchedulePlans(
        germinate=np.where(rng.random(shape) < _EMPTY_SHARE, 0, germinate),
        blueprint=rng.choice(np.array(config.blueprints, dtype=np.int64), shape),
        style=rng.integers(len(Style), size=shape),
        tempo=rng.integers(len(Tempo), size=shape),
        alpha_target=rng.integers(len(AlphaTarget), size=shape),
        incubate=rng.integers(1, dwell, shape),
        hold=rng.integers(1, dwell, shape),
        fossilize=rng.integers(1, 1 + last, shape),
    )


def decide_by_schedule(
    plans: SchedulePlans, arrays: HostArrays, spec: ActionSpec, masks: NDArray[np.bool_]
) -> Ints:
    """Return the first due decision of each environment that is legal, else WAIT.

    Over all seeds: fossilize, advance, germinate; the seed planted first goes first.

    Args:
        plans: One schedule per environment, P = N.
        arrays: What is known about the environments.
        spec: The action heads.
        masks: Flat conditional masks, ``[N, spec.mask_size]``.

    Returns:
        One index per head, ``[N, H]``.
    """
    seeds, stage = arrays.seeds, arrays.seeds.stage
    epoch = arrays.course.epoch[:, np.newaxis] + 1
    of_slot = _mask_of(Head.SLOT, spec, masks)
    is_due = {
        LifecycleOp.FOSSILIZE: (epoch >= plans.fossilize) & (seeds.epochs_in_stage >= plans.hold),
        LifecycleOp.ADVANCE: (stage != SeedStage.TRAINING)
        | (seeds.epochs_in_stage >= plans.incubate),
        LifecycleOp.GERMINATE: (plans.germinate > 0)
        & (epoch >= plans.germinate)
        & _can_be_planted(plans, spec, masks),
    }
    actions = np.tile([head.neutral for head in spec.heads], (len(masks), 1))
    every = np.arange(len(masks))
    is_open = np.ones(len(masks), dtype=np.bool_)
    for op, due in is_due.items():
        may = of_slot[:, op] & due
        first = plans.germinate if op == LifecycleOp.GERMINATE else -seeds.age_epochs
        slot = np.where(may, first, np.iinfo(np.int64).max).argmin(axis=1)
        acts = is_open & may[every, slot]
        actions[acts, _HEAD[Head.OP]] = op
        actions[acts, _HEAD[Head.SLOT]] = slot[acts]
        is_open &= ~acts
    plants = np.flatnonzero(actions[:, _HEAD[Head.OP]] == LifecycleOp.GERMINATE)
    for head in _PLANNED:
        planned = getattr(plans, head)[plants, actions[plants, _HEAD[Head.SLOT]]]
        actions[plants, _HEAD[head]] = planned
    return actions


def to_schedule(plans: SchedulePlans, row: int, slot_ids: Sequence[str]) -> Schedule:
    """Write one of the schedules down for a :class:`~tamiyo.controller.ScheduleController`.

    Args:
        plans: The schedules.
        row: Which one.
        slot_ids: Slot ids in the order of the slot head.
    """
    return Schedule(
        seeds=tuple(
            SeedPlan(
                slot=slot_id,
                germinate=int(plans.germinate[row, slot]),
                blueprint=Blueprint(plans.blueprint[row, slot]),
                style=Style(plans.style[row, slot]),
                tempo=Tempo(plans.tempo[row, slot]),
                alpha_target=AlphaTarget(plans.alpha_target[row, slot]),
                incubate=int(plans.incubate[row, slot]),
                hold=int(plans.hold[row, slot]),
                fossilize=int(max(plans.fossilize[row, slot], plans.germinate[row, slot] + 1)),
            )
            for slot, slot_id in enumerate(slot_ids)
            if plans.germinate[row, slot] > 0
        )
    )


def _mask_of(head: Head, spec: ActionSpec, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return one head's conditional mask, ``[N, parents..., choices]``."""
    where, shape = spec.mask_slices[_HEAD[head]], spec.mask_shapes[_HEAD[head]]
    return masks[:, where].reshape(len(masks), *shape)


def _can_be_planted(
    plans: SchedulePlans, spec: ActionSpec, masks: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say where blueprint and style fit the budget, ``[N, S]``; a style does only if both do."""
    of_style = _mask_of(Head.STYLE, spec, masks)[:, LifecycleOp.GERMINATE]
    environment, slot = np.indices(plans.blueprint.shape)
    fits: NDArray[np.bool_] = of_style[environment, slot, plans.blueprint, plans.style]
    return fits

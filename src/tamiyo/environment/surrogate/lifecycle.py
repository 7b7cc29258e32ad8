"""LifecycleArrays: the life of seeds and slots, in many environments at once.

The rules are those of :class:`~tamiyo.model.TamiyoModel`, on arrays ``[N, S]`` of environments and
slots; a test drives both side by side. Whether a command is legal is decided before it comes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import (
    AlphaAlgorithm,
    AlphaCurve,
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    Head,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
    ramp_fraction,
)
from tamiyo.environment.surrogate.memory import build_memory, judge_gates, take_in
from tamiyo.observation import FREE, build_free_slots

if TYPE_CHECKING:
    from tamiyo.contracts import LifecycleConfig
    from tamiyo.environment.surrogate.memory import SeedReadings

__all__ = ["LifecycleArrays", "SeedRamps", "SlotClocks"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Place = tuple[Ints, Ints]
"""Environments and their slots: where the commands of one op act."""

_NO_STYLE: Final = -1


@dataclass(kw_only=True)
class SeedRamps:
    """How the alphas of living seeds got where they are, each ``[N, S]``.

    Attributes:
        first_target: Alpha the first ramp leads to.
        start: Alpha where the present ramp began.
        curve: Its shape, an index of ``CurveChoice``.
        fading_style: Style that fades out during a change of style, else -1.
    """

    first_target: Floats
    start: Floats
    curve: Ints
    fading_style: Ints


@dataclass(kw_only=True)
class SlotClocks:
    """What a slot keeps when its seed is gone, each ``[N, S]``.

    Attributes:
        cooldown_epochs: Ticks until it is free again.
        seeds_planted: Seeds it has had in this episode.
    """

    cooldown_epochs: Ints
    seeds_planted: Ints


class LifecycleArrays:
    """All slots of all environments; every array is changed in place.

    Attributes:
        seeds: What masks and observations are made of.
        memory: What else was measured about them.
        ramps: How their alphas got where they are.
        clocks: What outlives them.

    Args:
        num_envs: Environments, N.
        slots: Slots of each, S.
        config: Thresholds and clocks.
    """

    def __init__(self, num_envs: int, slots: int, config: LifecycleConfig) -> None:
        self.seeds = build_free_slots(num_envs, slots)
        self.memory = build_memory(num_envs, slots)
        self.ramps = _build_ramps(num_envs, slots)
        self.clocks = SlotClocks(
            cooldown_epochs=np.zeros((num_envs, slots), dtype=np.int64),
            seeds_planted=np.zeros((num_envs, slots), dtype=np.int64),
        )
        self._config = config
        self._no_seed = (build_free_slots(1, 1), build_memory(1, 1), _build_ramps(1, 1))
        self._cooldown_stages = _tabulate_cooldown(config.embargo_epochs_after_prune)
        self._handlers = {
            LifecycleOp.GERMINATE: self._germinate,
            LifecycleOp.SET_ALPHA_TARGET: self._set_alpha_target,
            LifecycleOp.PRUNE: self._prune,
            LifecycleOp.FOSSILIZE: self._fossilize,
        }

    @property
    def has_seed(self) -> Bools:
        """Where a seed lives, ``[N, S]``."""
        living: Bools = self.seeds.blueprint != Blueprint.NOOP
        return living

    @property
    def has_gate(self) -> Bools:
        """Where a learned gate belongs to the seed, in a change of style the old one's too."""
        style, fading = self.seeds.style, self.ramps.fading_style
        gated: Bools = self.has_seed & (_IS_GATED[style] | _IS_GATED[fading])
        return gated

    def reset(self, environments: Bools) -> None:
        """Free every slot of some environments.

        Args:
            environments: Which, ``[N]``.
        """
        self._clear(environments)
        self.clocks.cooldown_epochs[environments] = 0
        self.clocks.seeds_planted[environments] = 0

    def execute(self, actions: Ints, *, control_accuracy: Floats) -> None:
        """Carry out one legal command per environment.

        Args:
            actions: One index per head, ``[N, heads]``.
            control_accuracy: Last measured control accuracy, points, ``[N]``.
        """
        ops = actions[:, _OP]
        for op, handler in self._handlers.items():
            rows = np.flatnonzero(ops == op)
            if rows.size:
                handler((rows, actions[rows, _SLOT]), actions[rows])
        rows = np.flatnonzero(ops == LifecycleOp.ADVANCE)
        if rows.size:
            self._advance((rows, actions[rows, _SLOT]), control_accuracy[rows])

    def tick(self) -> None:
        """Let one epoch pass over cooldowns and alphas; a seed whose way out ended is removed."""
        clocks, seeds = self.clocks, self.seeds
        cooling = clocks.cooldown_epochs > 0
        clocks.cooldown_epochs -= cooling
        leaving = self._tick_alpha()
        if leaving.any():
            self._remove(leaving, cooldown_epochs=self._config.embargo_epochs_after_prune)
            cooling |= leaving
        seeds.stage[cooling] = self._cooldown_stages[clocks.cooldown_epochs[cooling]]

    def finish_epoch(self, readings: SeedReadings, *, control_accuracy: Floats) -> None:
        """Take in what an epoch measured, let it age the seeds, and judge their gates.

        Args:
            readings: The epoch's measurements, NaN where there is no seed.
            control_accuracy: Control accuracy of the whole network, points, ``[N]``.
        """
        living = self.has_seed
        self.seeds.age_epochs += living
        self.seeds.epochs_in_stage += living
        take_in(readings, self.seeds, self.memory, control_accuracy=control_accuracy)
        self.seeds.gate_passed[...] = judge_gates(self.seeds, self.memory, self._config)

    def _germinate(self, at: Place, chosen: Ints) -> None:
        seeds = self.seeds
        seeds.stage[at] = SeedStage.GERMINATED
        seeds.blueprint[at] = chosen[:, _BLUEPRINT]
        seeds.style[at] = chosen[:, _STYLE]
        seeds.tempo[at] = chosen[:, _TEMPO]
        self.ramps.first_target[at] = _ALPHAS[chosen[:, _ALPHA_TARGET]]
        self.clocks.seeds_planted[at] += 1

    def _advance(self, at: Place, control_accuracy: Floats) -> None:
        stage = self.seeds.stage[at]
        after = np.full(stage.shape, SeedStage.BLENDING)
        after[stage == SeedStage.BLENDING] = SeedStage.HOLDING
        if self._config.incubate:
            after[stage == SeedStage.GERMINATED] = SeedStage.TRAINING
        self._enter(at, after)
        blends = after == SeedStage.BLENDING
        at = (at[0][blends], at[1][blends])
        self.memory.accuracy_before_blending[at] = control_accuracy[blends]
        style = self.seeds.style[at]
        steps = _TEMPO_EPOCHS[self.seeds.tempo[at]] * self._config.ramp
        target = self.ramps.first_target[at]
        self._begin_ramp(at, style, target, steps=steps, curve=_FIRST_CURVES[style])

    def _set_alpha_target(self, at: Place, chosen: Ints) -> None:
        self._retarget(at, chosen[:, _STYLE], _ALPHAS[chosen[:, _ALPHA_TARGET]], chosen)

    def _prune(self, at: Place, chosen: Ints) -> None:
        instant = chosen[:, _ALPHA_SPEED] == AlphaSpeed.INSTANT
        # The tick of this same step is still to come and must not shorten the embargo.
        embargo = self._config.embargo_epochs_after_prune + 1
        self._remove((at[0][instant], at[1][instant]), cooldown_epochs=embargo)
        at = (at[0][~instant], at[1][~instant])
        self._retarget(at, self.seeds.style[at], np.zeros(len(at[0])), chosen[~instant])

    def _fossilize(self, at: Place, _chosen: Ints) -> None:
        self._enter(at, np.full(len(at[0]), SeedStage.FOSSILIZED))

    def _retarget(self, at: Place, style: Ints, target: Floats, chosen: Ints) -> None:
        """Ramp to another alpha or cross-fade to another style; a holding seed blends again."""
        holding = self.seeds.stage[at] == SeedStage.HOLDING
        rows = (at[0][holding], at[1][holding])
        self._enter(rows, np.full(len(rows[0]), SeedStage.BLENDING))
        steps = _SPEED_EPOCHS[chosen[:, _ALPHA_SPEED]]
        self._begin_ramp(at, style, target, steps=steps, curve=chosen[:, _ALPHA_CURVE])

    def _enter(self, at: Place, stage: Ints) -> None:
        self.seeds.stage[at] = stage
        self.seeds.epochs_in_stage[at] = 0

    def _begin_ramp(
        self, at: Place, style: Ints, target: Floats, *, steps: Ints, curve: Ints
    ) -> None:
        """Begin a ramp to ``target`` in ``style`` alone; 0 steps jump at once."""
        seeds, ramps = self.seeds, self.ramps
        before = seeds.alpha[at]
        jumps = steps == 0
        changes = (style != seeds.style[at]) & ~jumps
        mode = np.where(target >= before, AlphaMode.UP, AlphaMode.DOWN)
        ramps.start[at] = before
        ramps.curve[at] = curve
        ramps.fading_style[at] = np.where(changes, seeds.style[at], _NO_STYLE)
        seeds.style[at] = style
        seeds.steps_total[at] = steps
        seeds.steps_done[at] = 0
        seeds.alpha_target[at] = target
        seeds.alpha[at] = np.where(jumps, target, before)
        seeds.alpha_mode[at] = np.where(jumps, AlphaMode.HOLD, mode)

    def _tick_alpha(self) -> Bools:
        """Let ramps go on one epoch and say which seeds reached the end of their way out."""
        seeds, ramps = self.seeds, self.ramps
        ramping: Bools = seeds.alpha_mode != AlphaMode.HOLD
        if not ramping.any():
            return ramping
        seeds.steps_done += ramping
        reached = ramping & (seeds.steps_done >= seeds.steps_total)
        covered = _COVERED[ramps.curve, seeds.steps_total, seeds.steps_done]
        start, target = ramps.start, seeds.alpha_target
        one_style = start + (target - start) * covered
        cross_fade = target * covered + (start - start * covered)
        alpha = np.where(ramps.fading_style == _NO_STYLE, one_style, cross_fade)
        seeds.alpha[...] = np.where(ramping, np.where(reached, target, alpha), seeds.alpha)
        seeds.alpha_mode[reached] = AlphaMode.HOLD
        ramps.fading_style[reached] = _NO_STYLE
        leaving: Bools = reached & (target == 0)
        return leaving

    def _remove(self, where: Bools | Place, *, cooldown_epochs: int) -> None:
        """Take seeds out and close their slots."""
        self._clear(where)
        self.seeds.stage[where] = SeedStage.PRUNED
        self.clocks.cooldown_epochs[where] = cooldown_epochs

    def _clear(self, where: Bools | Place) -> None:
        records = (self.seeds, self.memory, self.ramps)
        for record, no_seed in zip(records, self._no_seed, strict=True):
            for name, array in vars(record).items():
                array[where] = getattr(no_seed, name)[0, 0]


def _build_ramps(num_envs: int, slots: int) -> SeedRamps:
    shape = (num_envs, slots)
    return SeedRamps(
        first_target=np.zeros(shape),
        start=np.zeros(shape),
        curve=np.zeros(shape, dtype=np.int64),
        fading_style=np.full(shape, _NO_STYLE),
    )


def _tabulate_cooldown(embargo: int) -> Ints:
    """Return the stage of a slot by the ticks until it is free, up to one more than the embargo."""
    stages = [
        SeedStage.PRUNED if left >= embargo > 0 else SeedStage.EMBARGOED
        for left in range(embargo + 2)
    ]
    if embargo > 1:
        stages[1] = SeedStage.RESETTING
    return np.array([FREE, *stages[1:]])


def _tabulate_ramps() -> Floats:
    """Return the share of a ramp that is covered, by curve, epochs in all and epochs done."""
    longest = int(max(*_TEMPO_EPOCHS, *_SPEED_EPOCHS))
    table = np.zeros((len(AlphaCurve), longest + 1, longest + 1))
    for curve, total in product(AlphaCurve, range(1, longest + 1)):
        for done in range(total + 1):
            table[curve - 1, total, done] = ramp_fraction(curve, done / total)
    return table


_OP, _SLOT, _BLUEPRINT, _STYLE, _TEMPO, _ALPHA_TARGET, _ALPHA_SPEED, _ALPHA_CURVE = range(len(Head))
_ALPHAS: Final = np.array([target.alpha for target in AlphaTarget])
_TEMPO_EPOCHS: Final = np.array([tempo.epochs for tempo in Tempo])
_SPEED_EPOCHS: Final = np.array([speed.epochs for speed in AlphaSpeed])
_FIRST_CURVES: Final = np.array([style.ramp_curve - 1 for style in Style])
_IS_GATED: Final = np.array([style.algorithm == AlphaAlgorithm.GATE for style in Style] + [False])
_COVERED: Final = _tabulate_ramps()

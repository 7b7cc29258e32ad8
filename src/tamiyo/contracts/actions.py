"""The factored action: eight heads, choices, parents, neutral choices, and which op uses which."""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamiyo.contracts.learning.spaces import ActionSpec, HeadSpec
from tamiyo.contracts.lifecycle import LifecycleOp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "HEADS_USED_BY",
    "AlphaAlgorithm",
    "AlphaCurve",
    "AlphaMode",
    "AlphaSpeed",
    "AlphaTarget",
    "Blueprint",
    "CurveChoice",
    "Head",
    "Style",
    "Tempo",
    "build_action_spec",
    "ramp_fraction",
]

_SIGMOID_STEEPNESS: Final = 12.0


class AlphaMode(IntEnum):
    """What the alpha controller is doing."""

    HOLD = 0
    UP = 1
    DOWN = 2


class AlphaCurve(IntEnum):
    """Shape of a ramp from one alpha to the next."""

    LINEAR = 1
    COSINE = 2
    SIGMOID = 3


def ramp_fraction(curve: AlphaCurve, time: float) -> float:
    """Share of a ramp that is covered after a share of its time.

    LINEAR is t, COSINE (1 - cos pi t) / 2, SIGMOID the logistic function of steepness 12 around the
    middle, rescaled to run from exactly 0 to exactly 1.

    Args:
        curve: Shape of the ramp.
        time: Share of its time, in [0, 1].

    >>> ramp_fraction(AlphaCurve.LINEAR, 0.5)
    0.5
    """
    if curve == AlphaCurve.LINEAR:
        return time
    if curve == AlphaCurve.COSINE:
        return (1 - math.cos(math.pi * time)) / 2
    low = _logistic(-_SIGMOID_STEEPNESS / 2)
    high = _logistic(_SIGMOID_STEEPNESS / 2)
    return (_logistic(_SIGMOID_STEEPNESS * (time - 0.5)) - low) / (high - low)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


class AlphaAlgorithm(IntEnum):
    """How a seed's residual enters the host's features."""

    ADD = 1
    MULTIPLY = 2
    GATE = 3


class Blueprint(IntEnum):
    """Catalogue of seed modules; the value is the index in the blueprint head and in features."""

    NOOP = 0
    CONV_LIGHT = 1
    ATTENTION = 2
    NORM = 3
    DEPTHWISE = 4
    BOTTLENECK = 5
    CONV_SMALL = 6
    CONV_HEAVY = 7
    LORA = 8
    LORA_LARGE = 9
    MLP_SMALL = 10
    MLP = 11
    FLEX_ATTENTION = 12


class Style(IntEnum):
    """Ramp curve of the first blending together with the way the seed is composed."""

    LINEAR_ADD = 0
    LINEAR_MULTIPLY = 1
    SIGMOID_ADD = 2
    GATED_GATE = 3

    @property
    def algorithm(self) -> AlphaAlgorithm:
        """How this style composes the seed with the host."""
        return _STYLE_PARTS[self][0]

    @property
    def ramp_curve(self) -> AlphaCurve:
        """Shape of the first ramp from alpha 0 to the target."""
        return _STYLE_PARTS[self][1]


_STYLE_PARTS = {
    Style.LINEAR_ADD: (AlphaAlgorithm.ADD, AlphaCurve.LINEAR),
    Style.LINEAR_MULTIPLY: (AlphaAlgorithm.MULTIPLY, AlphaCurve.LINEAR),
    Style.SIGMOID_ADD: (AlphaAlgorithm.ADD, AlphaCurve.SIGMOID),
    Style.GATED_GATE: (AlphaAlgorithm.GATE, AlphaCurve.LINEAR),
}


class Tempo(IntEnum):
    """Length of the first ramp."""

    FAST = 0
    STANDARD = 1
    SLOW = 2

    @property
    def epochs(self) -> int:
        """Epochs the ramp takes: 3, 5 or 8."""
        return (3, 5, 8)[self]


class AlphaTarget(IntEnum):
    """Alpha a ramp leads to; removal is PRUNE, so zero is not a target."""

    HALF = 0
    SEVENTY = 1
    FULL = 2

    @property
    def alpha(self) -> float:
        """Target alpha in ``(0, 1]``."""
        return (0.5, 0.7, 1.0)[self]


class AlphaSpeed(IntEnum):
    """Length of a later ramp: a retarget or the way out."""

    INSTANT = 0
    FAST = 1
    MEDIUM = 2
    SLOW = 3

    @property
    def epochs(self) -> int:
        """Epochs the ramp takes: 0, 3, 5 or 8."""
        return (0, 3, 5, 8)[self]


class CurveChoice(IntEnum):
    """The curve head: index 0-2 of the three alpha curves."""

    LINEAR = 0
    COSINE = 1
    SIGMOID = 2

    @property
    def curve(self) -> AlphaCurve:
        """The curve this choice stands for."""
        return AlphaCurve(self + 1)


class Head(StrEnum):
    """Names of the action heads in the order they are sampled."""

    OP = "op"
    SLOT = "slot"
    BLUEPRINT = "blueprint"
    STYLE = "style"
    TEMPO = "tempo"
    ALPHA_TARGET = "alpha_target"
    ALPHA_SPEED = "alpha_speed"
    ALPHA_CURVE = "alpha_curve"


HEADS_USED_BY: Mapping[LifecycleOp, tuple[Head, ...]] = MappingProxyType(
    {
        LifecycleOp.WAIT: (Head.OP,),
        LifecycleOp.GERMINATE: (
            Head.OP,
            Head.SLOT,
            Head.BLUEPRINT,
            Head.STYLE,
            Head.TEMPO,
            Head.ALPHA_TARGET,
        ),
        LifecycleOp.SET_ALPHA_TARGET: (
            Head.OP,
            Head.SLOT,
            Head.STYLE,
            Head.ALPHA_TARGET,
            Head.ALPHA_SPEED,
            Head.ALPHA_CURVE,
        ),
        LifecycleOp.PRUNE: (Head.OP, Head.SLOT, Head.ALPHA_SPEED, Head.ALPHA_CURVE),
        LifecycleOp.FOSSILIZE: (Head.OP, Head.SLOT),
        LifecycleOp.ADVANCE: (Head.OP, Head.SLOT),
    }
)
"""Which heads have an effect under which op; every other head is forced to its neutral choice."""


def build_action_spec(slot_ids: Sequence[str]) -> ActionSpec:
    """Build the eight heads for a host with these slots.

    Args:
        slot_ids: Slot ids in the order of the slot head; at least one.

    Returns:
        The specification every consumer derives sizes, order and neutral choices from.
    """
    return _build_action_spec(tuple(slot_ids))


@cache
def _build_action_spec(slot_ids: tuple[str, ...]) -> ActionSpec:
    def head(name: Head, choices: tuple[str, ...], neutral: int, *parents: Head) -> HeadSpec:
        # Plain strings and numbers: a learner's checkpoint writes them down.
        return HeadSpec(
            name=str(name),
            choices=choices,
            parents=tuple(map(str, parents)),
            neutral=int(neutral),
        )

    def names(enum: type[IntEnum]) -> tuple[str, ...]:
        return tuple(member.name for member in enum)

    at_slot = (Head.OP, Head.SLOT)
    return ActionSpec(
        heads=(
            head(Head.OP, names(LifecycleOp), LifecycleOp.WAIT),
            head(Head.SLOT, slot_ids, 0, Head.OP),
            head(Head.BLUEPRINT, names(Blueprint), Blueprint.NOOP, *at_slot),
            head(Head.STYLE, names(Style), Style.SIGMOID_ADD, *at_slot, Head.BLUEPRINT),
            head(Head.TEMPO, names(Tempo), Tempo.STANDARD, *at_slot),
            head(Head.ALPHA_TARGET, names(AlphaTarget), AlphaTarget.FULL, *at_slot, Head.STYLE),
            head(Head.ALPHA_SPEED, names(AlphaSpeed), AlphaSpeed.INSTANT, *at_slot, Head.STYLE),
            head(
                Head.ALPHA_CURVE, names(CurveChoice), CurveChoice.LINEAR, *at_slot, Head.ALPHA_SPEED
            ),
        ),
        used_when=tuple(frozenset(map(str, HEADS_USED_BY[op])) for op in LifecycleOp),
    )

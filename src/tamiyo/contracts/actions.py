"""The factored action: eight heads, choices, parents, neutral choices, and which op uses which."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from tamiyo.contracts.errors import ConfigError
from tamiyo.contracts.lifecycle import LifecycleOp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "HEADS_USED_BY",
    "ActionSpec",
    "AlphaAlgorithm",
    "AlphaCurve",
    "AlphaMode",
    "AlphaSpeed",
    "AlphaTarget",
    "Blueprint",
    "CurveChoice",
    "Head",
    "HeadSpec",
    "Style",
    "Tempo",
    "build_action_spec",
]


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


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """One head of a factored action.

    Attributes:
        name: Name of the head.
        choices: Name of each choice, index by index.
        parents: Heads whose choice the legal choices of this one depend on.
        neutral: Index taken when the chosen op does not use the head.
    """

    name: str
    choices: tuple[str, ...]
    parents: tuple[str, ...]
    neutral: int

    def __post_init__(self) -> None:
        """Refuse a neutral choice outside the head.

        Raises:
            ConfigError: If ``neutral`` is no index of ``choices``.
        """
        if not 0 <= self.neutral < len(self.choices):
            message = (
                f"neutral of {self.name} must be in [0, {len(self.choices)}), got {self.neutral}"
            )
            raise ConfigError(message)

    @property
    def size(self) -> int:
        """Number of choices."""
        return len(self.choices)


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """A factored action for a learner that knows no growth: heads and when each is used.

    Attributes:
        heads: The heads in sampling order; the first one is the op.
        used_when: For each choice of the first head, the names of the heads it uses.
    """

    heads: tuple[HeadSpec, ...]
    used_when: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        """Refuse a table that does not fit the heads.

        Raises:
            ConfigError: If ``used_when`` has not one row per op, or a head comes before its parent.
        """
        if len(self.used_when) != self.heads[0].size:
            message = f"used_when must have {self.heads[0].size} rows, got {len(self.used_when)}"
            raise ConfigError(message)
        seen: set[str] = set()
        for head in self.heads:
            if not set(head.parents) <= seen:
                message = f"parents of {head.name} must come before it, got {head.parents}"
                raise ConfigError(message)
            seen.add(head.name)

    @property
    def nvec(self) -> tuple[int, ...]:
        """Number of choices of each head, as in Gymnasium's MultiDiscrete."""
        return tuple(head.size for head in self.heads)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the heads in order."""
        return tuple(head.name for head in self.heads)

    def canonicalize(self, action: Sequence[int]) -> tuple[int, ...]:
        """Force every head the op does not use to its neutral choice.

        Args:
            action: One index per head.

        Returns:
            The action with unused heads neutral.

        Raises:
            ConfigError: If the length or an index does not fit the heads.
        """
        if len(action) != len(self.heads):
            message = f"action must have {len(self.heads)} indices, got {len(action)}"
            raise ConfigError(message)
        for head, index in zip(self.heads, action, strict=True):
            if not 0 <= index < head.size:
                message = f"{head.name} must be in [0, {head.size}), got {index}"
                raise ConfigError(message)
        used = self.used_when[action[0]]
        return tuple(
            index if head.name in used else head.neutral
            for head, index in zip(self.heads, action, strict=True)
        )


def build_action_spec(slot_ids: Sequence[str]) -> ActionSpec:
    """Build the eight heads for a host with these slots.

    Args:
        slot_ids: Slot ids in the order of the slot head; at least one.

    Returns:
        The specification every consumer derives sizes, order and neutral choices from.
    """

    def head(name: Head, choices: tuple[str, ...], neutral: int, *parents: Head) -> HeadSpec:
        return HeadSpec(name=name, choices=choices, parents=parents, neutral=neutral)

    def names(enum: type[IntEnum]) -> tuple[str, ...]:
        return tuple(member.name for member in enum)

    at_slot = (Head.OP, Head.SLOT)
    return ActionSpec(
        heads=(
            head(Head.OP, names(LifecycleOp), LifecycleOp.WAIT),
            head(Head.SLOT, tuple(slot_ids), 0, Head.OP),
            head(Head.BLUEPRINT, names(Blueprint), Blueprint.NOOP, *at_slot),
            head(Head.STYLE, names(Style), Style.SIGMOID_ADD, *at_slot, Head.BLUEPRINT),
            head(Head.TEMPO, names(Tempo), Tempo.STANDARD, *at_slot),
            head(Head.ALPHA_TARGET, names(AlphaTarget), AlphaTarget.FULL, *at_slot, Head.STYLE),
            head(Head.ALPHA_SPEED, names(AlphaSpeed), AlphaSpeed.INSTANT, *at_slot, Head.STYLE),
            head(
                Head.ALPHA_CURVE, names(CurveChoice), CurveChoice.LINEAR, *at_slot, Head.ALPHA_SPEED
            ),
        ),
        used_when=tuple(frozenset(HEADS_USED_BY[op]) for op in LifecycleOp),
    )

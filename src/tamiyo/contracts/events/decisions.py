"""Events of a decision: what was chosen, from what, and what the step was paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tamiyo.contracts.actions import Head
from tamiyo.contracts.decisions import AdaptationCommand
from tamiyo.contracts.lifecycle import LifecycleOp
from tamiyo.contracts.rewards import RewardParts

__all__ = [
    "DecisionEvidence",
    "DecisionMade",
    "FieldMove",
    "RewardPaid",
]


@dataclass(frozen=True, kw_only=True)
class FieldMove:
    """A number of the observation that changed since the decision before.

    Attributes:
        field: Its name in the layout of the observation; those of slots begin with the slot's id.
        before: What it was then, as the controller saw it.
        after: What it is now.
    """

    field: str
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class DecisionEvidence:
    """What a decision was made from.

    Attributes:
        legal_ops: Ops that were legal in some slot, in the order of the op head.
        probabilities: Head to the probability of each of its legal choices, given the choices of
            the heads before it; heads the op does not use are left out, and so are all where the
            controller knows no probabilities.
        value: Discounted reward the controller expected from here on, points; ``None`` where it
            expects nothing.
        moved: The numbers of the observation that changed most since the decision before, the
            largest change first; at most five, none at the first decision. What is unknown on
            either side is left out.
    """

    legal_ops: tuple[LifecycleOp, ...]
    probabilities: Mapping[Head, Mapping[str, float]] = field(default_factory=dict)
    value: float | None = None
    moved: tuple[FieldMove, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DecisionMade:
    """A controller decided.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch the decision acts in.
        command: What is to be done; replaying the commands replays the growth.
        action_valid: False if it was illegal and became WAIT.
        refusal: Why it was illegal; ``None`` if it was not.
        evidence: What the decision was made from; ``None`` if nobody recorded that.
    """

    environment: int
    epoch: int
    command: AdaptationCommand
    action_valid: bool
    refusal: str | None
    evidence: DecisionEvidence | None = None


@dataclass(frozen=True, kw_only=True)
class RewardPaid:
    """A step was paid, part by part.

    Attributes:
        environment: Index of the environment.
        epoch: The epoch the decision acted in.
        parts: The parts of the reward, points; they sum to it.
    """

    environment: int
    epoch: int
    parts: RewardParts

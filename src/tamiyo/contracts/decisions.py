"""What a controller decides, and the command that decision becomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tamiyo.contracts.actions import (
    HEADS_USED_BY,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    Head,
    Style,
    Tempo,
    build_action_spec,
)
from tamiyo.contracts.errors import SlotIdError
from tamiyo.contracts.lifecycle import LifecycleOp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdaptationCommand", "Initiator", "TamiyoDecision"]


class Initiator(StrEnum):
    """Who asked for a change."""

    CONTROLLER = "controller"
    GOVERNOR = "governor"
    CLOSING = "closing"


@dataclass(frozen=True, kw_only=True)
class AdaptationCommand:
    """One change to a model.

    A field the op does not use is ignored; a used one that is ``None`` means the neutral choice.

    Attributes:
        op: What to do.
        slot_id: Where; ``None`` only for WAIT.
        blueprint: What to germinate.
        style: How the seed is to be composed.
        tempo: Length of its first ramp.
        alpha_target: Alpha to lead to.
        alpha_speed: Length of the ramp there, or of the way out for PRUNE.
        alpha_curve: Shape of that ramp.
        reason: Why, in the controller's words; kept in the record.
        initiator: Who asked.
    """

    op: LifecycleOp = LifecycleOp.WAIT
    slot_id: str | None = None
    blueprint: Blueprint | None = None
    style: Style | None = None
    tempo: Tempo | None = None
    alpha_target: AlphaTarget | None = None
    alpha_speed: AlphaSpeed | None = None
    alpha_curve: CurveChoice | None = None
    reason: str = ""
    initiator: Initiator = Initiator.CONTROLLER

    def to_action(self, slot_ids: Sequence[str]) -> tuple[int, ...]:
        """Return one index per head, unused heads neutral.

        Args:
            slot_ids: Slot ids in the order of the slot head.

        Raises:
            SlotIdError: If the op needs a slot and the id names none of them.
        """
        spec = build_action_spec(slot_ids)
        used = HEADS_USED_BY[self.op]
        action = [head.neutral for head in spec.heads]
        for position, head in enumerate(spec.heads):
            if head.name not in used:
                continue
            if head.name == Head.SLOT:
                action[position] = _slot_index(self.slot_id, slot_ids)
            else:
                value = getattr(self, head.name)
                action[position] = head.neutral if value is None else int(value)
        return tuple(action)


@dataclass(frozen=True, kw_only=True)
class TamiyoDecision:
    """What a controller chose: one choice per head, used or not.

    Attributes:
        op: What to do.
        slot_id: Where; ``None`` only for WAIT.
        blueprint: What to germinate.
        style: How the seed is to be composed.
        tempo: Length of its first ramp.
        alpha_target: Alpha to lead to.
        alpha_speed: Length of the ramp there, or of the way out for PRUNE.
        alpha_curve: Shape of that ramp.
        reason: Why, in the controller's words.
    """

    op: LifecycleOp = LifecycleOp.WAIT
    slot_id: str | None = None
    blueprint: Blueprint = Blueprint.NOOP
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL
    alpha_speed: AlphaSpeed = AlphaSpeed.INSTANT
    alpha_curve: CurveChoice = CurveChoice.LINEAR
    reason: str = ""

    @classmethod
    def from_action(
        cls, action: Sequence[int], slot_ids: Sequence[str], *, reason: str = ""
    ) -> Self:
        """Read a decision from one index per head; unused heads are forced to neutral.

        Args:
            action: One index per head, in the order of :class:`Head`.
            slot_ids: Slot ids in the order of the slot head.
            reason: Why, in the controller's words.
        """
        indices = build_action_spec(slot_ids).canonicalize(action)
        op = LifecycleOp(indices[0])
        return cls(
            op=op,
            slot_id=slot_ids[indices[1]] if Head.SLOT in HEADS_USED_BY[op] else None,
            blueprint=Blueprint(indices[2]),
            style=Style(indices[3]),
            tempo=Tempo(indices[4]),
            alpha_target=AlphaTarget(indices[5]),
            alpha_speed=AlphaSpeed(indices[6]),
            alpha_curve=CurveChoice(indices[7]),
            reason=reason,
        )

    def to_command(self) -> AdaptationCommand:
        """Keep what the op uses and drop the rest: heuristic and learned control both pass here."""
        used = HEADS_USED_BY[self.op]
        return AdaptationCommand(
            op=self.op,
            slot_id=self.slot_id if Head.SLOT in used else None,
            blueprint=self.blueprint if Head.BLUEPRINT in used else None,
            style=self.style if Head.STYLE in used else None,
            tempo=self.tempo if Head.TEMPO in used else None,
            alpha_target=self.alpha_target if Head.ALPHA_TARGET in used else None,
            alpha_speed=self.alpha_speed if Head.ALPHA_SPEED in used else None,
            alpha_curve=self.alpha_curve if Head.ALPHA_CURVE in used else None,
            reason=self.reason,
        )


def _slot_index(slot_id: str | None, slot_ids: Sequence[str]) -> int:
    if slot_id is None or slot_id not in slot_ids:
        message = f"slot must be one of {', '.join(slot_ids)}, got {slot_id!r}"
        raise SlotIdError(message)
    return list(slot_ids).index(slot_id)

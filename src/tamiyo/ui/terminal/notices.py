"""One short line for each thing that happens to a seed, a host or a decision."""

from __future__ import annotations

from dataclasses import dataclass

from tamiyo.contracts import (
    DecisionMade,
    Event,
    EventsDropped,
    GovernorRolledBack,
    Initiator,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    TamiyoInitiated,
)
from tamiyo.ui.formatting import format_count, format_difference

__all__ = ["Notice", "NoticeWriter", "describe_drop"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A line about an event: its epoch, a one-character sign, the text and a color for rich."""

    epoch: int
    sign: str
    text: str
    style: str


def describe_drop(event: EventsDropped) -> str:
    """Say what a sink besides the log lacks, in one line."""
    cause = "it was too slow" if event.reason is None else f"it failed: {event.reason}"
    return f"! {event.sink} lacks {event.count:,} events, {cause}; the log has them all"


class NoticeWriter:
    """Writes notices; it remembers what each seed was built from.

    Args:
        plus_minus: The sign between a number and its error.
    """

    def __init__(self, *, plus_minus: str) -> None:
        self._plus_minus = plus_minus
        self._blueprints: dict[str, str] = {}

    def describe(self, event: Event) -> Notice | None:
        """Return the line an event is worth, ``None`` if it is worth none."""
        match event:
            case SeedGerminated():
                parts = ("+", self._describe_germination(event), "cyan")
            case SeedFossilized():
                parts = ("*", self._describe_fossil(event), "bold green")
            case SeedPruned():
                parts = ("x", self._describe_prune(event), "red")
            case GovernorRolledBack():
                text = f"rolled back to epoch {event.restored_epoch}: {event.reason}"
                parts = ("!", text, "bold red")
            case TamiyoInitiated():
                parts = ("~", "training has stabilized", "blue")
            case DecisionMade(refusal=str() as refusal):
                parts = ("!", f"refused: {refusal}", "red")
            case _:
                return None
        sign, text, style = parts
        return Notice(epoch=event.epoch, sign=sign, text=text, style=style)

    def _describe_germination(self, event: SeedGerminated) -> str:
        command = event.command
        blueprint = "seed" if command.blueprint is None else command.blueprint.name.lower()
        self._blueprints[event.seed_id] = blueprint
        style = "" if command.style is None else f" as {command.style.name.lower()}"
        size = format_count(event.parameters)
        return f"{event.slot_id} germinated {blueprint}{style}, {size} parameters"

    def _describe_fossil(self, event: SeedFossilized) -> str:
        text = f"{event.slot_id} fossilized {self._blueprint(event.seed_id)} at {event.alpha:.2f}"
        worth = event.contribution
        if worth is None:
            return f"{text}, contribution not measured"
        return f"{text}, contribution {format_difference(worth, self._plus_minus)} points"

    def _describe_prune(self, event: SeedPruned) -> str:
        by = "" if event.initiator == Initiator.CONTROLLER else f" by {event.initiator.value}"
        reason = f": {event.reason}" if event.reason else ""
        name = self._blueprint(event.seed_id)
        return f"{event.slot_id} pruned {name} after {event.age_epochs} epochs{by}{reason}"

    def _blueprint(self, seed_id: str) -> str:
        return self._blueprints.get(seed_id, seed_id)

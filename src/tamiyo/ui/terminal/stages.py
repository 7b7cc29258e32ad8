"""How a stage is written in a terminal: a word, a letter and a color, each defined once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tamiyo.contracts import SeedStage, SlotReport

__all__ = ["CELL_LETTERS", "SlotCell", "describe_slot", "name_stage"]

_WORDS: Final = {
    SeedStage.GERMINATED: ("GERM", "G", "cyan"),
    SeedStage.TRAINING: ("TRAIN", "T", "blue"),
    SeedStage.BLENDING: ("BLEND", "B", "yellow"),
    SeedStage.HOLDING: ("HOLD", "H", "magenta"),
    SeedStage.FOSSILIZED: ("FOSSIL", "F", "green"),
}
_CLOSED = ("CLOSED", "x", "dim")
_LIVE = {SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED}

CELL_LETTERS: Final = "G germinated  T training  B blending  H holding  F fossilized  x closed"
"""What the letters of the narrowest cells mean."""


@dataclass(frozen=True, kw_only=True)
class SlotCell:
    """A slot in three lengths.

    Attributes:
        full: With slot, blueprint, stage and alpha, ``r0c1 conv_light BLEND 0.40``.
        short: Without the blueprint, ``r0c1 BLEND 0.40``.
        letter: With the stage's letter, ``r0c1 B.40``.
        style: Color for rich.
    """

    full: str
    short: str
    letter: str
    style: str


def name_stage(stage: SeedStage | None) -> tuple[str, str]:
    """Return the word for what a slot holds, and its color for rich."""
    if stage is None:
        return "-", "dim"
    word, _, style = _WORDS.get(stage, _CLOSED)
    return word, style


def describe_slot(slot: SlotReport) -> SlotCell:
    """Write one slot; alpha only where the seed has influence, epochs left where it is closed."""
    if slot.stage is None:
        empty = f"{slot.slot_id} -"
        return SlotCell(full=empty, short=empty, letter=empty, style="dim")
    word, letter, style = _WORDS.get(slot.stage, _CLOSED)
    blueprint = ""
    if slot.seed is None:
        number, brief = f" {slot.cooldown_epochs}", str(slot.cooldown_epochs)
    else:
        blueprint = f" {slot.seed.blueprint.name.lower()}"
        alpha = f"{slot.seed.alpha.alpha:.2f}" if slot.stage in _LIVE else ""
        number = f" {alpha}" if alpha else ""
        brief = "1.0" if alpha == "1.00" else alpha[1:]
    return SlotCell(
        full=f"{slot.slot_id}{blueprint} {word}{number}",
        short=f"{slot.slot_id} {word}{number}",
        letter=f"{slot.slot_id} {letter}{brief}",
        style=style,
    )

"""Plain words for what a log calls by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamiyo.ui.page.elements.markup import tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.ui.page.elements.markup import Markup

__all__ = [
    "GLOSSARY",
    "OPS",
    "REWARD_PARTS",
    "STAGES",
    "count",
    "define",
    "name_op",
    "name_stage",
    "write_points",
]

STAGES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "GERMINATED": ("planted", "The seed is in its slot and does nothing yet."),
        "TRAINING": ("learning", "The seed learns aside; the network does not feel it."),
        "BLENDING": (
            "blending",
            "The seed's influence, alpha, goes up or down; both learn together.",
        ),
        "HOLDING": ("on trial", "The seed works fully; it is measured whether it helps."),
        "FOSSILIZED": ("kept", "The seed is part of the network for good."),
        "PRUNED": ("closed", "The seed was removed; the slot stays closed for some epochs."),
        "EMBARGOED": ("closed", "The seed was removed; the slot stays closed for some epochs."),
        "RESETTING": ("closed", "The seed was removed; the slot is about to open again."),
    }
)
"""Stage to its plain word and to what it means."""

OPS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "WAIT": ("wait", "Change nothing in this epoch."),
        "GERMINATE": ("plant", "Plant a seed in a free slot."),
        "ADVANCE": ("advance", "Move a seed to its next stage."),
        "SET_ALPHA_TARGET": ("change influence", "Give a seed more or less influence."),
        "FOSSILIZE": ("keep", "Make a seed part of the network for good."),
        "PRUNE": ("remove", "Take a seed out again."),
    }
)
"""Op to its plain word and to what it means."""

REWARD_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bounded_attribution": "change of what the seeds are credited with",
        "stage_shaping": "change of how far the seeds have come",
        "compute_rent": "rent on the parameters that train along",
        "alpha_shock": "cost of sudden changes of influence",
        "intervention_cost": "small cost of doing anything but wait",
        "synergy": "two kept seeds that help each other",
        "hindsight_credit": "credit for earlier seeds that helped a later one",
        "terminal": "score of the episode, paid at its end",
        "baseline": "what no decision changes, taken off at the end",
    }
)
"""Part of the reward to what it is."""

GLOSSARY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "host": "The network the run starts from.",
        "slot": "A place in the host where a seed may grow.",
        "seed": "A small module in a slot that learns to improve the host.",
        "blueprint": "What a seed is built from.",
        "controller": "What decides, epoch by epoch, where to plant, keep or remove seeds.",
        "alpha": "Influence of a seed on the network: 0 is none, 1 is all of it.",
        "contribution": (
            "Accuracy with the seed less accuracy with it switched off, in points: how much the "
            "network depends on it, not what growing it has gained."
        ),
        "points": "100 points are perfect; for accuracy a point is a percent.",
        "score": "Accuracy less rent for the parameters added.",
        "rent": "Points a network pays for being larger than the host.",
        "host alone": (
            "The same host with the same data, seed and epochs, never grown: what growing has to "
            "beat."
        ),
        "committed": "The host with its kept seeds alone: what is left when the run ends now.",
        "control split": "The data that decisions are made on; the test split is used once, at "
        "the end.",
        "closing epochs": "The last epochs, in which nothing is decided any more.",
        "rollback": "Training went wrong and the network went back to an earlier state.",
        "entropy": "How open a choice is: 1 is pure chance, 0 is settled.",
        "explained variance": "How well the controller foresees its reward: 1 is perfectly.",
    }
)
"""Word to what it means."""


def name_stage(stage: str) -> str:
    """Return the plain word for a stage; one that is not known keeps its name."""
    return STAGES.get(stage, (stage.lower(), ""))[0]


def name_op(op: str) -> str:
    """Return the plain word for an op; one that is not known keeps its name."""
    return OPS.get(op, (op.lower(), ""))[0]


def define(word: str, shown: str | None = None) -> Markup:
    """Write a word of the glossary with its meaning on hover and focus.

    Args:
        word: The word, a key of ``GLOSSARY``.
        shown: What is written for it; the word itself if not given.
    """
    return tag("span", shown or word, class_="term", tabindex=0, data_tip=GLOSSARY[word])


def count(number: int, noun: str) -> str:
    """Write a number with its noun.

    >>> count(1, "seed"), count(1200, "seed")
    ('1 seed', '1,200 seeds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def write_points(points: float | None) -> str:
    """Write a difference in points, or that it is not known."""
    return "unknown" if points is None else f"{points:+.1f} points"

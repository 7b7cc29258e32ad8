"""What synthetic hosts can lack, and what each kind of seed is worth against it.

An episode's host lacks one thing, its *need*. The need decides the shape of the host's curves,
which is all that an observer sees of it, and what each kind of seed is worth in each slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from tamiyo.contracts import Blueprint

__all__ = [
    "FULL_NEEDS",
    "HOST_NEEDS",
    "NEEDS",
    "PAIRS",
    "SEEDS",
    "TINY_NEEDS",
    "Need",
    "SeedTraits",
]


@dataclass(frozen=True, kw_only=True)
class SeedTraits:
    """What a kind of seed is like whatever the host needs.

    Attributes:
        parameters: Parameters it adds.
        learning_epochs: Epochs in which it learns 63 % of what it can.
        best_alpha: Influence at which it helps most, in (0, 1].
        styles: Share of its worth that each style lets through, by :class:`Style`.
    """

    parameters: int
    learning_epochs: float
    best_alpha: float
    styles: tuple[float, float, float, float]


_ADDS: Final = (1.0, 0.7, 1.0, 0.95)
_SCALES: Final = (0.8, 1.0, 0.8, 0.9)
_GATES: Final = (0.85, 0.8, 0.85, 1.0)

SEEDS: Final[Mapping[Blueprint, SeedTraits]] = MappingProxyType(
    {
        Blueprint.CONV_LIGHT: SeedTraits(
            parameters=90, learning_epochs=4.0, best_alpha=1.0, styles=_ADDS
        ),
        Blueprint.ATTENTION: SeedTraits(
            parameters=160, learning_epochs=6.0, best_alpha=0.7, styles=_GATES
        ),
        Blueprint.NORM: SeedTraits(
            parameters=12, learning_epochs=2.0, best_alpha=1.0, styles=_SCALES
        ),
        Blueprint.DEPTHWISE: SeedTraits(
            parameters=56, learning_epochs=3.5, best_alpha=1.0, styles=_ADDS
        ),
        Blueprint.BOTTLENECK: SeedTraits(
            parameters=70, learning_epochs=4.0, best_alpha=1.0, styles=_ADDS
        ),
        Blueprint.CONV_SMALL: SeedTraits(
            parameters=40, learning_epochs=3.0, best_alpha=1.0, styles=_ADDS
        ),
        Blueprint.CONV_HEAVY: SeedTraits(
            parameters=320, learning_epochs=7.0, best_alpha=0.7, styles=_ADDS
        ),
    }
)
"""The kinds of seeds a surrogate host can take."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a host lacks.

    Attributes:
        plateau: Control accuracy the host alone tends to, points.
        descent_epochs: Epochs in which it covers 63 % of the way there.
        gap: Training accuracy less control accuracy in the end, points.
        loss_offset: Relative excess of the losses over what the accuracy suggests.
        worth: What each kind of seed adds to the accuracy in a slot of weight 1, points; kinds that
            are not named add nothing.
        slot_weights: Weight of each slot, in the order of the slot head, repeated for more slots.
        dependence: Points by which a seed's contribution exceeds what it adds: the rest of the
            network comes to lean on it, so that it is missed when it is off even where it does
            harm.
        lag_epochs: Epochs by which what is measured in training is behind, since it is a mean over
            an epoch in which the host got better.
        memorizing: Points that training accuracy rises for every point of harm that seeds do:
            what they learn is the training samples, and they hide that by it.
        delay: How late harm shows: it goes with this power of the share of the epochs that are
            over; 0 is at once.
        accuracy_noise: Times the noise of a loss that accuracies have: one sample more or less.
        bias_points: Standard deviation of what the control split is easier than others, points.
    """

    plateau: float
    descent_epochs: float
    gap: float
    loss_offset: float
    worth: Mapping[Blueprint, float]
    slot_weights: tuple[float, ...]
    dependence: float = 0.0
    lag_epochs: float = 0.0
    memorizing: float = 0.0
    delay: float = 0.0
    accuracy_noise: float = 1.0
    bias_points: float = 0.0


_build_likeness = partial(
    Need, dependence=20.0, lag_epochs=0.8, accuracy_noise=2.0, bias_points=2.0
)
_build_noisy_likeness = partial(_build_likeness, memorizing=2.0, delay=1.0)

NEEDS: Final[Mapping[str, Need]] = MappingProxyType(
    {
        "conditioning": Need(
            plateau=84.0,
            descent_epochs=9.0,
            gap=2.0,
            loss_offset=0.0,
            worth={
                Blueprint.NORM: 5.0,
                Blueprint.CONV_SMALL: 0.5,
                Blueprint.DEPTHWISE: 0.5,
                Blueprint.CONV_LIGHT: 0.5,
                Blueprint.CONV_HEAVY: -2.0,
                Blueprint.ATTENTION: -1.0,
            },
            slot_weights=(1.2, 1.0, 0.6),
        ),
        "capacity": Need(
            plateau=75.0,
            descent_epochs=3.0,
            gap=0.0,
            loss_offset=0.0,
            worth={
                Blueprint.CONV_HEAVY: 9.0,
                Blueprint.CONV_LIGHT: 3.5,
                Blueprint.BOTTLENECK: 2.0,
                Blueprint.DEPTHWISE: 1.0,
                Blueprint.CONV_SMALL: 1.0,
                Blueprint.ATTENTION: 1.0,
            },
            slot_weights=(0.6, 1.0, 1.2),
        ),
        "context": Need(
            plateau=80.0,
            descent_epochs=5.0,
            gap=2.0,
            loss_offset=0.2,
            worth={
                Blueprint.ATTENTION: 8.0,
                Blueprint.DEPTHWISE: 2.0,
                Blueprint.CONV_HEAVY: 1.5,
                Blueprint.CONV_SMALL: -0.5,
                Blueprint.NORM: 0.3,
            },
            slot_weights=(0.4, 0.8, 1.4),
        ),
        "mixing": Need(
            plateau=80.0,
            descent_epochs=5.0,
            gap=2.0,
            loss_offset=-0.2,
            worth={
                Blueprint.BOTTLENECK: 6.0,
                Blueprint.CONV_SMALL: 2.0,
                Blueprint.CONV_LIGHT: 2.0,
                Blueprint.ATTENTION: -2.0,
                Blueprint.NORM: 0.3,
            },
            slot_weights=(1.3, 1.0, 0.7),
        ),
        "restraint": Need(
            plateau=80.0,
            descent_epochs=4.0,
            gap=10.0,
            loss_offset=0.1,
            worth={
                Blueprint.DEPTHWISE: 4.0,
                Blueprint.NORM: 1.0,
                Blueprint.CONV_LIGHT: -3.0,
                Blueprint.ATTENTION: -4.0,
                Blueprint.BOTTLENECK: -2.0,
                Blueprint.CONV_SMALL: -1.0,
                Blueprint.CONV_HEAVY: -6.0,
            },
            slot_weights=(1.0, 1.0, 1.0),
        ),
        "nothing": Need(
            plateau=91.0,
            descent_epochs=4.0,
            gap=2.0,
            loss_offset=0.0,
            worth={
                Blueprint.NORM: 0.3,
                Blueprint.CONV_HEAVY: 1.2,
                Blueprint.CONV_LIGHT: 0.8,
                Blueprint.ATTENTION: 0.6,
            },
            slot_weights=(1.0, 1.0, 1.0),
        ),
        # The first two of the tiny instance have the same curves: only a seed tells them apart.
        "detail": Need(
            plateau=80.0,
            descent_epochs=4.0,
            gap=2.0,
            loss_offset=0.0,
            worth={Blueprint.CONV_SMALL: 9.0, Blueprint.DEPTHWISE: 2.0, Blueprint.NORM: 0.5},
            slot_weights=(1.0,),
        ),
        "texture": Need(
            plateau=80.0,
            descent_epochs=4.0,
            gap=2.0,
            loss_offset=0.0,
            worth={Blueprint.CONV_SMALL: 2.0, Blueprint.DEPTHWISE: 9.0, Blueprint.NORM: 1.0},
            slot_weights=(1.0,),
        ),
        "scale": Need(
            plateau=84.0,
            descent_epochs=9.0,
            gap=2.0,
            loss_offset=0.0,
            worth={Blueprint.CONV_SMALL: 1.5, Blueprint.DEPTHWISE: 1.0, Blueprint.NORM: 6.0},
            slot_weights=(1.0,),
        ),
        # The last five are like the hosts of digits-cnn that controllers are trained on: curves and
        # worths are rounded from what experiments/host_ceiling.py measured there.
        "like-single": _build_likeness(
            plateau=62.0,
            descent_epochs=4.5,
            gap=1.5,
            loss_offset=0.1,
            worth={
                Blueprint.CONV_HEAVY: 8.0,
                Blueprint.BOTTLENECK: 4.5,
                Blueprint.CONV_LIGHT: 4.0,
                Blueprint.DEPTHWISE: 3.0,
                Blueprint.NORM: 1.5,
                Blueprint.CONV_SMALL: 1.5,
                Blueprint.ATTENTION: 0.7,
            },
            slot_weights=(1.0, 1.2, 0.5),
        ),
        "like-narrow": _build_likeness(
            plateau=86.0,
            descent_epochs=3.8,
            gap=5.0,
            loss_offset=0.2,
            worth={
                Blueprint.CONV_HEAVY: 3.5,
                Blueprint.CONV_LIGHT: 2.5,
                Blueprint.DEPTHWISE: 1.0,
                Blueprint.ATTENTION: 0.9,
                Blueprint.BOTTLENECK: 0.6,
                Blueprint.CONV_SMALL: 0.6,
                Blueprint.NORM: 0.3,
            },
            slot_weights=(1.0, 1.2, 0.5),
        ),
        "like-plain": _build_likeness(
            plateau=81.0,
            descent_epochs=5.5,
            gap=2.5,
            loss_offset=0.15,
            worth={
                Blueprint.CONV_HEAVY: 5.5,
                Blueprint.CONV_LIGHT: 3.0,
                Blueprint.DEPTHWISE: 2.0,
                Blueprint.CONV_SMALL: 1.8,
                Blueprint.NORM: 1.4,
                Blueprint.BOTTLENECK: 1.4,
                Blueprint.ATTENTION: 1.0,
            },
            slot_weights=(1.2, 0.8, 0.5),
        ),
        "like-narrow-noisy": _build_noisy_likeness(
            plateau=60.0,
            descent_epochs=2.0,
            gap=6.0,
            loss_offset=0.3,
            worth={
                Blueprint.CONV_HEAVY: -8.0,
                Blueprint.BOTTLENECK: -3.0,
                Blueprint.DEPTHWISE: -2.0,
                Blueprint.CONV_LIGHT: -2.0,
                Blueprint.NORM: -1.0,
                Blueprint.CONV_SMALL: -0.5,
                Blueprint.ATTENTION: -0.3,
            },
            slot_weights=(0.8, 1.2, 0.8),
        ),
        "like-plain-noisy": _build_noisy_likeness(
            plateau=59.0,
            descent_epochs=4.0,
            gap=1.0,
            loss_offset=0.28,
            worth={
                Blueprint.CONV_HEAVY: -11.0,
                Blueprint.CONV_LIGHT: -5.5,
                Blueprint.BOTTLENECK: -5.0,
                Blueprint.DEPTHWISE: -3.0,
                Blueprint.CONV_SMALL: -2.0,
                Blueprint.NORM: -1.5,
                Blueprint.ATTENTION: -0.8,
            },
            slot_weights=(1.0, 1.0, 0.8),
        ),
    }
)
"""All needs by name; those of one configuration are equally likely."""

FULL_NEEDS: Final = ("conditioning", "capacity", "context", "mixing", "restraint", "nothing")
"""Needs of the full surrogate."""

TINY_NEEDS: Final = ("detail", "texture", "scale")
"""Needs of the tiny instance, which is small enough to be solved exactly."""

HOST_NEEDS: Final = tuple(name for name in NEEDS if name.startswith("like-"))
"""Needs that are like those of real hosts; a controller can learn on them first."""

PAIRS: Final[Mapping[tuple[Blueprint, Blueprint], float]] = MappingProxyType(
    {
        (Blueprint.NORM, Blueprint.ATTENTION): 1.0,
        (Blueprint.NORM, Blueprint.CONV_HEAVY): 1.0,
        (Blueprint.DEPTHWISE, Blueprint.BOTTLENECK): 1.0,
        (Blueprint.ATTENTION, Blueprint.CONV_HEAVY): -1.5,
        (Blueprint.CONV_HEAVY, Blueprint.CONV_HEAVY): -1.0,
    }
)
"""Points that two learned seeds add to each other's worth; what is not named adds nothing."""

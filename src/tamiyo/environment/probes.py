"""Probes: problems with known answers, each of which a learner with one broken part fails.

The ladder follows Andy Jones, "Debugging Reinforcement Learning Systems" (2021), extended by masks,
heads that depend on each other, and memory. A probe is written down as tables over two things: the
step of the episode and one bit, drawn afresh for every episode. Actions are paid for and change
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamiyo.contracts import ActionSpec, HeadSpec
from tamiyo.observation import canonicalize_actions, is_allowed, marginalize

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROBES", "Probe"]

_Bools: TypeAlias = NDArray[np.bool_]
_Floats: TypeAlias = NDArray[np.float32]
_Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """One probe as tables over the L steps of an episode and the bit.

    Attributes:
        action_spec: The heads of the action.
        observations: What is seen, ``[L, 2, F]``, float32 in [-1, 1].
        masks: Flat conditional masks, ``[L, 2, mask_size]``, bool.
        rewards: What every action earns, ``[L, 2, *nvec]``, float64.
        optimal_return: Mean undiscounted return of the best controller.
        random_return: The same of one that draws each head uniformly from its legal choices.
    """

    action_spec: ActionSpec
    observations: _Floats
    masks: _Bools
    rewards: NDArray[np.float64]
    optimal_return: float
    random_return: float

    @property
    def episode_length(self) -> int:
        """Steps of every episode."""
        return len(self.rewards)

    def observe(self, steps: _Integers, bits: _Integers) -> tuple[_Floats, dict[str, _Bools]]:
        """Look up what environments see; the end of an episode looks like its last step.

        Args:
            steps: Steps made in the episode, shape ``[N]``, each in ``[0, L]``.
            bits: The bit of the episode, shape ``[N]``.

        Returns:
            Observations ``[N, F]``, and the marginal and the conditional mask, all newly allocated.
        """
        rows = np.minimum(steps, self.episode_length - 1), bits
        masks = self.masks[rows]
        marginal = marginalize(self.action_spec, masks)
        return self.observations[rows], {"action_mask": marginal, "action_mask_by_op": masks}

    def pay(
        self, steps: _Integers, bits: _Integers, actions: _Integers
    ) -> tuple[NDArray[np.float64], _Bools]:
        """Look up what actions earn; an illegal one is executed as the neutral action.

        Args:
            steps: Steps made in the episode before this one, shape ``[N]``, each in ``[0, L)``.
            bits: The bit of the episode, shape ``[N]``.
            actions: Choice of each head, shape ``[N, H]``, each within its head.

        Returns:
            Rewards ``[N]``, and whether each action was legal, ``[N]``.
        """
        spec = self.action_spec
        actions = canonicalize_actions(spec, actions)
        valid = is_allowed(spec, self.masks[steps, bits], actions)
        executed = np.where(valid[:, None], actions, [head.neutral for head in spec.heads])
        return self.rewards[(steps, bits, *executed.T)], valid


_FLAT: Final = (((0.0,), (0.0,)),)
_SIGNED: Final = (((-1.0,), (1.0,)),)


def _build_single(
    observations: ArrayLike,
    rewards: ArrayLike,
    masks: ArrayLike | None = None,
    *,
    optimal: float,
    random: float,
) -> Probe:
    """Build a probe with one head; without masks every choice is legal."""
    rewards = np.asarray(rewards, np.float64)
    legal = np.ones(rewards.shape, np.bool_) if masks is None else np.asarray(masks, np.bool_)
    return Probe(
        action_spec=ActionSpec.independent(rewards.shape[2:]),
        observations=np.asarray(observations, np.float32),
        masks=legal,
        rewards=rewards,
        optimal_return=optimal,
        random_return=random,
    )


def _build_conditional_head() -> Probe:
    """The parameter counts under PLAY only; whether PLAY can win is seen, and PASS is sure."""
    op = HeadSpec(name="op", choices=("PASS", "PLAY"), parents=(), neutral=0)
    parameter = HeadSpec(name="parameter", choices=("A", "B", "C"), parents=("op",), neutral=0)
    names = frozenset({"op"}), frozenset({"op", "parameter"})
    rewards = np.zeros((1, 2, 2, 3))
    rewards[0, :, 0, :] = 0.5
    rewards[0, 1, 1, 2] = 1.0
    # Op, parameter under PASS, parameter under PLAY.
    masks = np.array([True] * 2 + [True, False, False] + [True] * 3)
    return Probe(
        action_spec=ActionSpec(heads=(op, parameter), used_when=names),
        observations=np.asarray(_SIGNED, np.float32),
        masks=np.tile(masks, (1, 2, 1)),
        rewards=rewards,
        optimal_return=0.75,
        random_return=1 / 3,
    )


def _build_remember_bit(delay: int) -> Probe:
    """The bit is seen at the first step only and asked for ``delay`` steps later."""
    observations = np.zeros((delay + 1, 2, 2), np.float32)
    observations[0, :, 0] = -1, 1
    observations[delay, :, 1] = 1
    rewards = np.zeros((delay + 1, 2, 2))
    rewards[delay] = (1, -1), (-1, 1)
    masks = np.ones((delay + 1, 2, 2), np.bool_)
    masks[:delay, :, 1] = False
    return _build_single(observations, rewards, masks, optimal=1.0, random=0.0)


PROBES: Final[Mapping[str, Probe]] = MappingProxyType(
    {
        # One choice, one step, reward 1: all there is to learn is a value of 1.
        "ValueOnly": _build_single(_FLAT, [[[1], [1]]], optimal=1.0, random=1.0),
        # The reward is what is seen: the value must depend on the observation.
        "ObservedValue": _build_single(_SIGNED, [[[-1, -1], [1, 1]]], optimal=0.0, random=0.0),
        # The reward comes at the third step: the values must be discounted, gamma ** 2, gamma, 1.
        "Discounting": _build_single(
            [[[-1], [-1]], [[0], [0]], [[1], [1]]],
            [[[0, 0]] * 2, [[0, 0]] * 2, [[1, 1]] * 2],
            optimal=1.0,
            random=1.0,
        ),
        # The second choice is the better one: the policy must follow the advantage.
        "ActionOnly": _build_single(_FLAT, [[[0, 1], [0, 1]]], optimal=1.0, random=0.5),
        # The better choice depends on what is seen.
        "ObservedAction": _build_single(_SIGNED, [[[1, 0], [0, 1]]], optimal=1.0, random=0.5),
        # The third choice earns most, but half of the time only the mask says that it is forbidden.
        "ForbiddenBest": _build_single(
            _FLAT,
            [[[0, 1, 2], [0, 1, 2]]],
            [[[1, 1, 0], [1, 1, 1]]],
            optimal=1.5,
            random=0.75,
        ),
        # A second head that matters under one choice of the first.
        "ConditionalHead": _build_conditional_head(),
        # Memory over a delay; a controller without memory earns no more than a random one.
        "RememberBit5": _build_remember_bit(5),
        "RememberBit20": _build_remember_bit(20),
        "RememberBit100": _build_remember_bit(100),
    }
)
"""The ladder, easiest first: name of the probe to its tables."""

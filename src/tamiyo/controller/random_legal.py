"""The controller that acts at random within the rules: the floor a good controller must beat."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    ConfigError,
    Head,
    LifecycleOp,
    TamiyoDecision,
    build_action_spec,
    legal_choices,
)

if TYPE_CHECKING:
    from tamiyo.contracts import HostReport, TrainingSignals

__all__ = ["RandomLegal"]


class RandomLegal:
    """Samples head by head, uniformly over the choices that are legal after the heads before.

    Args:
        seed: Seed of the controller's own generator, any integer.
        wait_probability: Share of epochs in which it waits although it could act, in [0, 1];
            ``None`` treats WAIT as one of the legal ops.

    Raises:
        ConfigError: If the probability is outside [0, 1].
    """

    name = "random-legal"

    def __init__(self, seed: int, *, wait_probability: float | None = None) -> None:
        if wait_probability is not None and not 0 <= wait_probability <= 1:
            message = f"wait_probability must be in [0, 1], got {wait_probability}"
            raise ConfigError(message)
        self._wait_probability = wait_probability
        self._random = Random(seed)

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Sample a legal decision.

        Args:
            signals: The course of training so far, for the reason only.
            host: The host and its slots now.
        """
        chosen: dict[str, int] = {}
        for head in build_action_spec(host.slot_ids).names:
            flags = legal_choices(host, head, chosen)
            legal = [index for index, allowed in enumerate(flags) if allowed]
            chosen[head] = self._sample_op(legal) if head == Head.OP else self._random.choice(legal)
        reason = f"drawn at random, {signals.epochs_left} decisions left"
        return TamiyoDecision.from_action(tuple(chosen.values()), host.slot_ids, reason=reason)

    def _sample_op(self, legal: list[int]) -> int:
        if self._wait_probability is None:
            return self._random.choice(legal)
        acting = [op for op in legal if op != LifecycleOp.WAIT]
        if not acting or self._random.random() < self._wait_probability:
            return LifecycleOp.WAIT
        return self._random.choice(acting)

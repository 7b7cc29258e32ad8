"""Proximal policy optimization of a recurrent, masked policy with several heads.

Schulman et al. 2017, https://arxiv.org/abs/1707.06347. Minibatches part environments, never steps:
every pass recomputes the hidden states from the start of the rollout, so that the ratio of a fresh
rollout is exactly 1 and later ones compare like with like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tamiyo.contracts import (
    ConfigError,
    InvariantError,
    check_at_least,
    check_at_most,
    check_choices,
)
from tamiyo.learning.buffer import check_coherence, select_valid
from tamiyo.learning.diagnostics import (
    MinibatchReading,
    UpdateParts,
    describe_advantages,
    describe_conditional_entropies,
    describe_heads,
    describe_ops,
    describe_policy,
    describe_values,
    estimate_kl,
    find_forced_fraction,
)
from tamiyo.learning.gae import compute_gae
from tamiyo.learning.head_advantages import (
    ClipMode,
    build_credit_table,
    compute_log_ratios,
    compute_policy_losses,
)
from tamiyo.learning.normalizers import Normalization, ValueNormalizer
from tamiyo.learning.optimizing import FlatAdam

if TYPE_CHECKING:
    from tamiyo.contracts import ActionSpec
    from tamiyo.learning.buffer import Rollout, TamiyoRolloutBuffer
    from tamiyo.policy import ActionTrace, ActorCritic, Evaluation

__all__ = ["PPO", "PPOConfig"]

_KL_MARGIN: Final = 1.5
_SURVEYED: Final = 16  # environments: enough for a mean, and asking all of them takes long
_WEIGHTS: Final = (
    "entropy_coefficient",
    "entropy_coefficient_end",
    "conditional_entropy_coefficient",
    "value_coefficient",
)
_FROM_ZERO: Final = ("learning_rate", "learning_rate_end", "gamma", "gae_lambda", *_WEIGHTS)
_ABOVE_ZERO: Final = ("clip_range", "max_gradient_norm", "target_kl")
_UP_TO_ONE: Final = ("gamma", "gae_lambda", "clip_range", "learning_rate", "learning_rate_end")


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """How an update learns.

    Attributes:
        learning_rate: Adam's step size at the start, in [0, 1].
        learning_rate_end: And at the end of the run; linear in between.
        gamma: Discount per step, in [0, 1].
        gae_lambda: Weight of longer returns in the advantages, in [0, 1].
        clip: Whether the ratio of the joint action is clipped or that of each head.
        clip_range: Largest deviation of a ratio from 1 that still pays, in (0, 1).
        inner_epochs: Passes over a rollout.
        minibatches: Optimizer steps per pass, at most one per environment; if not given, 2, or 1
            where there is one environment.
        entropy_coefficient: Weight of the used heads' entropies at the start.
        entropy_coefficient_end: And at the end of the run; linear in between.
        conditional_entropy_coefficient: Weight of the heads' entropies under legal ops not chosen.
        value_coefficient: Weight of the value loss.
        max_gradient_norm: Norm to which longer gradients are cut.
        target_kl: Above 1.5 times this divergence the update ends; ``inf`` never ends it.
        normalization: What is brought to unit scale.
    """

    learning_rate: float = 3e-3
    learning_rate_end: float = 1e-4
    gamma: float = 1.0
    gae_lambda: float = 0.95
    clip: ClipMode = ClipMode.JOINT
    clip_range: float = 0.2
    inner_epochs: int = 4
    minibatches: int | None = None
    entropy_coefficient: float = 0.1
    entropy_coefficient_end: float = 0.005
    conditional_entropy_coefficient: float = 0.0
    value_coefficient: float = 0.5
    max_gradient_norm: float = 0.5
    target_kl: float = 0.03
    normalization: Normalization = Normalization.VALUES

    def __post_init__(self) -> None:
        """Refuse values outside their range.

        Raises:
            ConfigError: If one is.
        """
        counts = ["inner_epochs"] if self.minibatches is None else ["inner_epochs", "minibatches"]
        check_at_least(self, dict.fromkeys(_FROM_ZERO, 0) | dict.fromkeys(counts, 1))
        for name in _ABOVE_ZERO:
            if not getattr(self, name) > 0:
                message = f"{name} must be above 0, got {getattr(self, name)}"
                raise ConfigError(message)
        check_at_most(self, dict.fromkeys(_UP_TO_ONE, 1) | dict.fromkeys(_WEIGHTS, 1000))
        check_choices(self, {"clip": ClipMode, "normalization": Normalization})

    def anneal(self, progress: float) -> tuple[float, float]:
        """Return learning rate and entropy coefficient at a point of the run.

        Args:
            progress: Share of the run that is done, in [0, 1].
        """
        rate = self.learning_rate + progress * (self.learning_rate_end - self.learning_rate)
        start, end = self.entropy_coefficient, self.entropy_coefficient_end
        return rate, start + progress * (end - start)


@dataclass(frozen=True, kw_only=True)
class _Targets:
    """What a rollout taught, each ``[T, N]`` and 0 in filler rows.

    ``advantages`` are in normalized rewards; ``scaled`` are the same with mean 0 and deviation 1
    over the valid transitions. ``returns`` are what the critic is to say, in its own unit.
    ``values`` are what it said and ``earned`` what came, both in normalized rewards.
    """

    advantages: Tensor
    scaled: Tensor
    returns: Tensor
    values: Tensor
    earned: Tensor


class _Lesson(NamedTuple):
    """What the minibatches of an update are taken from."""

    rollout: Rollout
    trace: ActionTrace
    targets: _Targets
    entropy_coefficient: float


class PPO:
    """Improves a network on one rollout at a time.

    Args:
        network: The network; changed in place.
        actions: Heads of its actions.
        config: How to learn.

    Attributes:
        optimizer: Adam over all parameters of the network, which are windows onto its vector.
        value_normalizer: Unit of the critic; the identity unless values are normalized.
    """

    def __init__(self, network: ActorCritic, actions: ActionSpec, config: PPOConfig) -> None:
        self.optimizer = FlatAdam(
            list(network.parameters()), learning_rate=config.learning_rate, eps=1e-5
        )
        self.value_normalizer = ValueNormalizer()
        self._network = network
        self._actions = actions
        self._config = config
        self._credit = build_credit_table(actions)
        heads = network.head_parameters()
        self._head_spans = [self.optimizer.find_span(heads[name]) for name in actions.names]

    def update(
        self,
        buffer: TamiyoRolloutBuffer,
        *,
        learning_rate: float,
        entropy_coefficient: float,
        generator: torch.Generator,
    ) -> UpdateParts:
        """Learn from a finished rollout.

        Args:
            buffer: Holds the rollout, collected with the network as it is.
            learning_rate: Step size of this update.
            entropy_coefficient: Weight of the used heads' entropies in this update.
            generator: Deals environments into minibatches.

        Returns:
            What the update measured.

        Raises:
            ConfigError: If the rollout is not finished, or has fewer environments than minibatches.
            InvariantError: If a return, loss or gradient is not finite, the optimizer never
                stepped, or (only when the buffer is told to check) the rows do not belong together.
        """
        rollout = buffer.rollout
        if buffer.check_invariants:
            check_coherence(rollout, self._network)
        self.optimizer.set_learning_rate(learning_rate)
        trace = self._network.trace(rollout.masks, rollout.actions)
        conditional = self._survey(rollout)
        targets = self._compute_targets(rollout)
        lesson = _Lesson(rollout, trace, targets, entropy_coefficient)
        readings, inner_epochs = self._fit(buffer, lesson, generator)
        valid = rollout.valid
        values, earned = targets.values[valid], targets.earned[valid]
        clip_range = self._config.clip_range
        return UpdateParts(
            policy=describe_policy(
                readings,
                clip_range=clip_range,
                max_gradient_norm=self._config.max_gradient_norm,
                learning_rate=learning_rate,
                inner_epochs=inner_epochs,
            ),
            value=describe_values(readings, values, earned),
            advantages=describe_advantages(targets.advantages[valid]),
            heads=describe_heads(self._actions, readings, conditional, clip_range=clip_range),
            ops=describe_ops(
                self._actions.heads[0].choices,
                rollout.actions[..., 0][valid],
                rollout.masks[..., self._actions.mask_slices[0]][valid],
                targets.advantages[valid],
                earned - values,
            ),
            forced_fraction=find_forced_fraction(readings),
        )

    @torch.no_grad()
    def _survey(self, rollout: Rollout) -> dict[str, dict[str, float]]:
        """Ask the policy that collected the rollout what else it might have done.

        Returns:
            Head to op to mean entropy had that op been chosen, over a few environments.
        """
        index = slice(_SURVEYED)
        features = self._network.remember(
            rollout.observations[:, index],
            rollout.episode_starts[:, index],
            rollout.states[0][:, :, index],
        )
        asked = self._network.conditional_entropies(features, rollout.masks[:, index])
        valid = rollout.valid[:, index]
        return describe_conditional_entropies(
            self._actions, asked.entropies[valid], asked.choices[valid]
        )

    def _compute_targets(self, rollout: Rollout) -> _Targets:
        config, valid = self._config, rollout.valid
        # Values become rewards here and returns become values again at the end: between the two,
        # everything is in the unit of the rewards.
        values = self.value_normalizer.denormalize(
            torch.cat([rollout.values, rollout.cut_values[None]])
        )
        ends = {
            "terminated": rollout.terminated,
            "truncated": rollout.truncated,
            "bootstrap_values": self.value_normalizer.denormalize(rollout.bootstrap_values),
            "valid": valid,
        }
        advantages, returns = compute_gae(
            rollout.rewards, values, **ends, gamma=config.gamma, gae_lambda=config.gae_lambda
        )
        _, earned = compute_gae(rollout.rewards, values, **ends, gamma=config.gamma, gae_lambda=1.0)
        finite = returns.isfinite()  # asked before they rescale the critic
        if not finite.all():
            message = f"returns must be finite, got {returns[~finite][:3].tolist()}"
            raise InvariantError(message)
        if config.normalization == Normalization.VALUES:
            output = self._network.critic[-1]
            assert isinstance(output, nn.Linear)
            self.value_normalizer.update(returns[valid], output)
        known = advantages[valid]
        scaled = (advantages - known.mean()) / (known.std(correction=0) + 1e-8)
        return _Targets(
            advantages=advantages,
            scaled=scaled,
            returns=self.value_normalizer.normalize(returns),
            values=values[:-1],
            earned=earned,
        )

    def _fit(
        self, buffer: TamiyoRolloutBuffer, lesson: _Lesson, generator: torch.Generator
    ) -> tuple[list[MinibatchReading], int]:
        """Return one reading per minibatch and how many passes were begun.

        Raises:
            InvariantError: If the first minibatch was already too far from the rollout's policy.
        """
        config = self._config
        readings: list[MinibatchReading] = []
        for epoch in range(1, config.inner_epochs + 1):
            for index in buffer.minibatches(config.minibatches, generator):
                loss, reading = self._measure(lesson, index)
                kl = float(estimate_kl(reading.log_ratios.sum(-1)))
                if not kl > _KL_MARGIN * config.target_kl:
                    readings.append(self._step(loss, reading))
                elif readings:
                    return [*readings, reading], epoch
                else:
                    message = (
                        f"optimizer must step at least once per update, got a divergence of "
                        f"{kl:.3g} before the first step: another policy collected the rollout"
                    )
                    raise InvariantError(message)
        return readings, config.inner_epochs

    def _measure(self, lesson: _Lesson, index: Tensor) -> tuple[Tensor, MinibatchReading]:
        """Compute the loss of some environments."""
        config, rollout, targets = self._config, lesson.rollout, lesson.targets
        evaluation = self._network.evaluate(
            rollout.observations.index_select(1, index),
            lesson.trace.select(index),
            rollout.episode_starts.index_select(1, index),
            rollout.states[0].index_select(2, index),
        )
        take = select_valid(rollout.valid.index_select(1, index))

        def choose(values: Tensor) -> Tensor:
            return take(values.index_select(1, index))

        used = self._credit.index_select(0, choose(rollout.actions[..., 0]))
        log_ratios = compute_log_ratios(take(evaluation.log_probs), choose(rollout.log_probs), used)
        policy_loss = compute_policy_losses(
            log_ratios,
            choose(targets.scaled),
            used,
            clip_mode=config.clip,
            clip_range=config.clip_range,
        ).mean()
        value_loss = F.mse_loss(take(evaluation.values), choose(targets.returns))
        entropies = take(evaluation.entropies)
        bonus = lesson.entropy_coefficient * entropies.sum(-1).mean()
        if config.conditional_entropy_coefficient > 0:
            bonus = bonus + self._compute_conditional_bonus(rollout, evaluation, index)
        loss = policy_loss + config.value_coefficient * value_loss - bonus
        return loss, MinibatchReading(
            log_ratios=log_ratios.detach(),
            used=used,
            choices=take(evaluation.choices),
            entropies=entropies.detach(),
            policy_loss=policy_loss.detach(),
            value_loss=value_loss.detach(),
            entropy_bonus=bonus.detach(),
        )

    def _compute_conditional_bonus(
        self, rollout: Rollout, evaluation: Evaluation, index: Tensor
    ) -> Tensor:
        """Weigh the mean entropy of the heads under ops that were legal but not chosen."""
        asked = self._network.conditional_entropies(evaluation.features, rollout.masks[:, index])
        is_chosen = rollout.actions[:, index, :1] == torch.arange(asked.choices.shape[-2])
        skipped = asked.choices & ~is_chosen[..., None] & rollout.valid[:, index, None, None]
        total = asked.entropies.masked_fill(~skipped, 0.0).sum()
        return self._config.conditional_entropy_coefficient * total / skipped.sum().clamp(min=1)

    def _step(self, loss: Tensor, reading: MinibatchReading) -> MinibatchReading:
        """Take one optimizer step.

        Raises:
            InvariantError: If the loss or its gradient is not finite.
        """
        self.optimizer.zero_grad()
        loss.backward()
        gradient = self.optimizer.gradient
        head_norms = torch.stack([gradient[span].norm() for span in self._head_spans])
        norm = self.optimizer.clip_gradient(self._config.max_gradient_norm)
        if not torch.stack([loss.detach(), norm]).isfinite().all():
            message = f"loss and gradient must be finite, got {self._find_non_finite(reading)}"
            raise InvariantError(message)
        self.optimizer.step()
        return replace(reading, gradient_norm=norm, head_gradient_norms=head_norms)

    def _find_non_finite(self, reading: MinibatchReading) -> str:
        losses = ("policy_loss", "value_loss", "entropy_bonus")
        figures = {name: float(getattr(reading, name)) for name in losses}
        broken = [
            name
            for name, parameter in self._network.named_parameters()
            if parameter.grad is not None and not parameter.grad.isfinite().all()
        ]
        return f"{figures} and no finite gradient for {len(broken)} parameters {broken[:3]}"

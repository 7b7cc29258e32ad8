"""The controller's network: a recurrent actor-critic with a masked, factored policy.

Encoder, memory and heads in a row. The value is that of the state, from the trunk alone: a critic
that is told the action would judge it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import torch
from torch import Tensor, nn

from tamiyo.contracts import ActionSpec, ConfigError, ObservationSpec, check_at_least, check_at_most
from tamiyo.policy.distribution import MaskedCategorical, draw_gumbel_noise
from tamiyo.policy.encoder import Encoder
from tamiyo.policy.heads import ActionHeads, Features
from tamiyo.policy.layers import VALUE_GAIN, build_mlp
from tamiyo.policy.memory import FeedForwardMemory, RecurrentMemory
from tamiyo.policy.trace import ActionTrace, trace_actions

if TYPE_CHECKING:
    from tamiyo.policy.factored import Chooser

__all__ = ["ActResult", "ActorCritic", "ConditionalEntropies", "Evaluation", "NetworkConfig"]

_LARGEST: Final = {"hidden": 4096, "slot_hidden": 4096, "layers": 16}


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Size of the network.

    Attributes:
        hidden: Features of the trunk, its memory and the heads' layers.
        slot_hidden: Features of each slot.
        recurrent: Remember earlier steps of the episode.
        layers: Layers of the memory.
        longest_span: Steps over which the slowest unit of a fresh memory forgets, at least 3: for
            problems in which something long ago matters; ``None`` starts all units alike.
    """

    hidden: int = 64
    slot_hidden: int = 32
    recurrent: bool = True
    layers: int = 1
    longest_span: int | None = None

    @classmethod
    def large(cls) -> Self:
        """Return the size for machines with an accelerator: 512 features in trunk and memory."""
        return cls(hidden=512, slot_hidden=128)

    def __post_init__(self) -> None:
        """Refuse an empty layer, and one whose first weights alone would take hours to draw.

        Raises:
            ConfigError: If a size is below 1 or beyond any use, or the longest span below 3.
        """
        check_at_least(self, {"hidden": 1, "slot_hidden": 1, "layers": 1})
        check_at_most(self, _LARGEST)
        if self.longest_span is not None:
            check_at_least(self, {"longest_span": 3})


class ActResult(NamedTuple):
    """One step of every environment.

    Attributes:
        actions: Index per head, shape ``[N, H]``, int64.
        log_probs: Log-probability of each head's choice given those before it, shape ``[N, H]``;
            exactly 0 where a head had no choice.
        values: Value of the state in the critic's units, shape ``[N]``.
        state: Hidden and cell state after the step, shape ``[2, layers, N, hidden]``.
        probabilities: Of each choice given those before it, of the rows that were to be explained,
            shape ``[explained, H, A]``, ``A`` the size of the largest head; NaN where a choice was
            not legal.
    """

    actions: Tensor
    log_probs: Tensor
    values: Tensor
    state: Tensor
    probabilities: Tensor


class Evaluation(NamedTuple):
    """What the present weights say about a rollout.

    Attributes:
        log_probs: Log-probability of each head's choice, shape ``[T, N, H]``; exactly 0 and without
            gradient where a head had no choice.
        entropies: Entropy of each head given the choices before it as a share of the largest
            possible, shape ``[T, N, H]``, in ``[0, 1]``; 0 where a head had no choice.
        choices: True where the op uses the head and leaves it more than one legal choice, shape
            ``[T, N, H]``, bool.
        values: Value of each state in the critic's units, shape ``[T, N]``.
        features: What the heads saw, shape ``[T * N, ...]``, for
            :meth:`ActorCritic.conditional_entropies`.
    """

    log_probs: Tensor
    entropies: Tensor
    choices: Tensor
    values: Tensor
    features: Features


class ConditionalEntropies(NamedTuple):
    """The entropy of each head had a given op been chosen.

    Attributes:
        entropies: As a share of the largest possible, shape ``[..., ops, H]``, in ``[0, 1]``; 0
            wherever ``choices`` is false.
        choices: True where the op was legal and leaves the head more than one legal choice, shape
            ``[..., ops, H]``, bool; false for the op itself.
    """

    entropies: Tensor
    choices: Tensor


class ActorCritic(nn.Module):
    """Policy and value of a factored action from an observation and what came before it.

    The weights do not depend on the number of slots: a state dictionary of a network for three
    slots fits one for five.

    Args:
        observation: Layout of the observation.
        actions: The heads of the action; the slot head, if there is one, must be the second.
        config: Size of the network.
        generator: Source of the initial weights, on the CPU.

    Attributes:
        config: Its size.

    Raises:
        ConfigError: If the slot head is not the second head or has not one choice per slot.
    """

    def __init__(
        self,
        observation: ObservationSpec,
        actions: ActionSpec,
        config: NetworkConfig,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _check_slot_head(observation, actions)
        self.config = config
        self._actions = actions
        hidden = config.hidden
        self.encoder = Encoder(
            observation, hidden=hidden, slot_hidden=config.slot_hidden, generator=generator
        )
        self.memory: RecurrentMemory | FeedForwardMemory = (
            RecurrentMemory(
                hidden, config.layers, longest_span=config.longest_span, generator=generator
            )
            if config.recurrent
            else FeedForwardMemory(hidden, generator=generator)
        )
        self.norm = nn.LayerNorm(hidden)
        self.heads = ActionHeads(
            actions,
            hidden=hidden,
            slot_hidden=config.slot_hidden if observation.slot_head else 0,
            generator=generator,
        )
        self.critic = build_mlp(hidden, hidden, 1, gain=VALUE_GAIN, generator=generator)

    def initial_state(self, num_envs: int) -> Tensor:
        """Return the state at the start of an episode.

        Args:
            num_envs: Environments N.

        Returns:
            Zeros, hidden and cell state stacked, shape ``[2, layers, N, hidden]``; without memory
            there are 0 layers.
        """
        (hidden,) = self.norm.normalized_shape
        return self.norm.weight.new_zeros(2, self.memory.layers, num_envs, hidden)

    def act(
        self,
        observations: Tensor,
        masks: Tensor,
        state: Tensor,
        *,
        deterministic: bool,
        generator: torch.Generator,
        explained: int = 0,
    ) -> ActResult:
        """Choose an action in every environment.

        Args:
            observations: Shape ``[N, F]``, floating.
            masks: Flat conditional masks, shape ``[N, mask_size]``, bool.
            state: State before the step, 0 where an episode starts, ``[2, layers, N, hidden]``.
            deterministic: Take each head's most probable legal choice instead of drawing one.
            generator: Source of the draws, on the network's device.
            explained: Rows, from the first on, whose probabilities are told.
        """
        with torch.inference_mode():
            features, state = self._step(observations, state)
            choose = _take_best if deterministic else self._sample_with(features.trunk, generator)
            path = self.heads(features, masks, choose)
            values, probabilities = self._value(features), path.explain(explained)
            result = path.actions, path.log_probs, values, state, probabilities
        # Copies are tensors like any other, which callers may write into.
        return ActResult(*(part.clone() for part in result))

    @torch.no_grad()
    def value(self, observations: Tensor, state: Tensor) -> Tensor:
        """Return the value of each state, for bootstrapping.

        Args:
            observations: Shape ``[N, F]``, floating.
            state: State before the step, shape ``[2, layers, N, hidden]``.

        Returns:
            Values in the critic's units, shape ``[N]``.
        """
        return self._value(self._step(observations, state)[0])

    def trace(self, masks: Tensor, actions: Tensor) -> ActionTrace:
        """Look up, once for all evaluations, what masks left to choose along a rollout's actions.

        Args:
            masks: Flat conditional masks, shape ``[T, N, mask_size]``, bool.
            actions: Index per head, shape ``[T, N, H]``, int64.
        """
        return trace_actions(self._actions, masks, actions, self.heads.used)

    def evaluate(
        self, observations: Tensor, trace: ActionTrace, episode_starts: Tensor, state: Tensor
    ) -> Evaluation:
        """Evaluate the actions of a rollout under the present weights, with gradient.

        Args:
            observations: Shape ``[T, N, F]``, floating.
            trace: The actions and what was legal along them, axes ``[T, N]``.
            episode_starts: True where a step is the first of its episode, ``[T, N]``, bool.
            state: State before the first step, shape ``[2, layers, N, hidden]``; set to 0 here
                where an episode starts.
        """
        rollout = observations.shape[:2]
        features = self.remember(observations, episode_starts, state)
        judgment = self.heads.judge(features, trace.flatten())
        return Evaluation(
            log_probs=judgment.log_probs.unflatten(0, rollout),
            entropies=judgment.entropies.unflatten(0, rollout),
            choices=trace.has_choice,
            values=self._value(features).unflatten(0, rollout),
            features=features,
        )

    def remember(self, observations: Tensor, episode_starts: Tensor, state: Tensor) -> Features:
        """Return what the heads see in a rollout, ``T * N`` rows; arguments as in `evaluate`."""
        encoded, slots = self.encoder(observations.flatten(0, 1))
        rows = encoded.unflatten(0, observations.shape[:2])
        remembered = self.memory(rows, episode_starts, state)
        return Features(self.norm(remembered).flatten(0, 1), slots)

    def conditional_entropies(self, features: Features, masks: Tensor) -> ConditionalEntropies:
        """Ask, for every legal op, how undecided its heads would be had it been chosen.

        Each head before the asked one takes its most probable legal choice. A loss of these
        entropies moves the heads after the op and nothing else: the op is given, not drawn, and
        the features are detached.

        Args:
            features: :attr:`Evaluation.features`, ``B`` rows.
            masks: Flat conditional masks of these rows, or what-if ones that allow other ops,
                shape ``[..., mask_size]``, bool.
        """
        flat_masks = masks.flatten(0, -2)
        legal_ops = flat_masks[:, self._actions.mask_slices[0]]
        used = self.heads.used.clone()
        used[:, 0] = False
        row, op = (legal_ops & used.any(-1)).nonzero(as_tuple=True)

        def choose(position: int, head: MaskedCategorical) -> Tensor:
            return op if position == 0 else _take_best(position, head)

        asked = Features(features.trunk.detach()[row], features.slots.detach()[row])
        path = self.heads(asked, flat_masks[row], choose)
        choices = used.new_zeros(len(flat_masks), *used.shape)
        choices[row, op] = path.has_choice & used[op]
        entropies = path.entropies.new_zeros(choices.shape)
        entropies[row, op] = path.entropies
        entropies = entropies.where(choices, 0.0)
        leading = masks.shape[:-1]
        return ConditionalEntropies(
            entropies=entropies.unflatten(0, leading), choices=choices.unflatten(0, leading)
        )

    def head_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return, by name of the head, the parameters that belong to it alone."""
        return self.heads.own_parameters()

    def _step(self, observations: Tensor, state: Tensor) -> tuple[Features, Tensor]:
        encoded, slots = self.encoder(observations)
        remembered, state = self.memory.step(encoded, state)
        return Features(self.norm(remembered), slots), state

    def _sample_with(self, like: Tensor, generator: torch.Generator) -> Chooser:
        nvec = self._actions.nvec
        # One draw for all heads: a small one for each would take longer.
        noise = draw_gumbel_noise(like, sum(nvec), generator).split(nvec, -1)
        return lambda position, head: head.sample(noise[position])

    def _value(self, features: Features) -> Tensor:
        values: Tensor = self.critic(features.trunk)
        return values.squeeze(-1)


def _take_best(_position: int, head: MaskedCategorical) -> Tensor:
    return head.best()


def _check_slot_head(observation: ObservationSpec, actions: ActionSpec) -> None:
    if observation.slot_head is None:
        return
    if actions.names[1:2] != (observation.slot_head,):
        message = (
            f"slot_head must be the second head, got {observation.slot_head} of {actions.names}"
        )
        raise ConfigError(message)
    if actions.nvec[1] != observation.slots:
        message = (
            f"{observation.slot_head} must have one choice per slot, "
            f"got {actions.nvec[1]} choices for {observation.slots} slots"
        )
        raise ConfigError(message)

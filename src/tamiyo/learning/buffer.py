"""One rollout of many environments side by side, stored exactly as the network saw it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError, InvariantError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tamiyo.contracts import ActionSpec, ObservationSpec
    from tamiyo.policy import ActorCritic

__all__ = ["Rollout", "TamiyoRolloutBuffer", "check_coherence", "select_valid"]

_MINIBATCHES: Final = 2
_RATIO_TOLERANCE: Final = 1e-4


def _stored(axes: str, dtype: torch.dtype) -> dict[str, Any]:
    """Declare how a field is stored: one letter per axis, T steps first, and its dtype."""
    return {"axes": axes, "dtype": dtype}


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Transitions of ``N`` environments over ``T`` steps; the one place that declares storage.

    Axes: T steps, N environments, F features, M flags of a mask, A heads of an action; a state is
    [2, layers, N, hidden]. The last field belongs to the rollout, all others to a step.

    Attributes:
        observations: What the network saw, normalized, ``[T, N, F]``, float32.
        masks: Legal choices, flat and conditional, ``[T, N, M]``, bool.
        actions: Index per head, ``[T, N, A]``, int64.
        log_probs: Log-probability of each head's choice, 0 where unused, ``[T, N, A]``, float32.
        values: V before the step, in the critic's own unit, ``[T, N]``, float32.
        rewards: Rewards as the update sees them, ``[T, N]``, float32.
        rewards_raw: Rewards as the environment gave them, ``[T, N]``, float32.
        terminated: Steps that ended their episode for good, ``[T, N]``, bool.
        truncated: Steps after which an outside limit stopped the episode, ``[T, N]``, bool.
        bootstrap_values: V of the final observation where truncated, else 0, ``[T, N]``, float32.
        episode_starts: First steps of an episode, ``[T, N]``, bool.
        states: Hidden state before the step, zero at episode starts, ``[T, 2, layers, N, hidden]``,
            float32.
        valid: False for filler rows, in which no action was carried out, ``[T, N]``, bool.
        cut_values: V of the state after the last step, where its episode goes on, ``[N]``, float32.
    """

    observations: Tensor = field(metadata=_stored("TNF", torch.float32))
    masks: Tensor = field(metadata=_stored("TNM", torch.bool))
    actions: Tensor = field(metadata=_stored("TNA", torch.int64))
    log_probs: Tensor = field(metadata=_stored("TNA", torch.float32))
    values: Tensor = field(metadata=_stored("TN", torch.float32))
    rewards: Tensor = field(metadata=_stored("TN", torch.float32))
    rewards_raw: Tensor = field(metadata=_stored("TN", torch.float32))
    terminated: Tensor = field(metadata=_stored("TN", torch.bool))
    truncated: Tensor = field(metadata=_stored("TN", torch.bool))
    bootstrap_values: Tensor = field(metadata=_stored("TN", torch.float32))
    episode_starts: Tensor = field(metadata=_stored("TN", torch.bool))
    states: Tensor = field(metadata=_stored("T2LNH", torch.float32))
    valid: Tensor = field(metadata=_stored("TN", torch.bool))
    cut_values: Tensor = field(metadata=_stored("N", torch.float32))

    @property
    def ended(self) -> Tensor:
        """Steps that ended their episode in either way, ``[T, N]``, bool."""
        return self.terminated | self.truncated


_STEP_FIELDS: Final = tuple(
    part.name for part in fields(Rollout) if part.metadata["axes"].startswith("T")
)


class TamiyoRolloutBuffer:
    """Storage of one rollout, allocated once and used again for the next one.

    Args:
        steps: Steps per rollout and environment, T.
        num_envs: Environments, N.
        observation: Layout of an observation.
        actions: Heads of an action.
        state_shape: Shape of one environment's hidden state: layers and width.
        check_invariants: Check before every update that the rows belong together (slow).

    Raises:
        ConfigError: If there is no step or no environment.
    """

    def __init__(
        self,
        *,
        steps: int,
        num_envs: int,
        observation: ObservationSpec,
        actions: ActionSpec,
        state_shape: tuple[int, int],
        check_invariants: bool = False,
    ) -> None:
        if steps < 1 or num_envs < 1:
            message = f"steps and num_envs must be at least 1, got {steps} and {num_envs}"
            raise ConfigError(message)
        layers, hidden = state_shape
        sizes = {"T": steps, "N": num_envs, "2": 2, "L": layers, "H": hidden}
        sizes |= {"F": observation.size, "M": actions.mask_size, "A": len(actions.heads)}
        tensors = {
            part.name: torch.zeros(
                [sizes[axis] for axis in part.metadata["axes"]], dtype=part.metadata["dtype"]
            )
            for part in fields(Rollout)
        }
        self.check_invariants = check_invariants
        self._position = 0
        self._num_envs = num_envs
        self._steps = steps
        self._actions = actions
        self._storage = Rollout(**tensors)
        self._rows = [{name: tensors[name][step] for name in _STEP_FIELDS} for step in range(steps)]
        self._is_finished = False

    @property
    def is_full(self) -> bool:
        """Whether every step of the rollout is there."""
        return self._position == self._steps

    @property
    def is_partial(self) -> bool:
        """Whether some steps of the rollout are there, and others still to come."""
        return 0 < self._position < self._steps

    @property
    def valid_steps(self) -> int:
        """Transitions stored so far, filler rows left out."""
        return int(self._storage.valid[: self._position].sum())

    @property
    def rollout(self) -> Rollout:
        """The finished rollout; its tensors are used again after ``clear``.

        Raises:
            ConfigError: If the rollout is not finished.
        """
        if not self._is_finished:
            message = f"rollout must be finished, got {self._position} of {self._steps} steps"
            raise ConfigError(message)
        return self._storage

    def add(self, **values: Tensor) -> None:
        """Store one step of every environment, detached.

        Args:
            **values: One tensor per field of ``Rollout`` that belongs to a step, without its
                first axis.

        Raises:
            ConfigError: If the rollout is full, a field is missing or unknown, or has another
                dtype.
            ShapeError: If a field has another shape.
        """
        if self.is_full:
            message = f"rollout must have at most {self._steps} steps, got one more: clear it first"
            raise ConfigError(message)
        _check_names(values)
        row = self._rows[self._position]
        for name, value in values.items():
            _check_like(name, value, row[name])
        for name, value in values.items():
            row[name].copy_(value.detach())
        self._position += 1

    def finish(self, cut_values: Tensor) -> None:
        """Complete a full rollout.

        Args:
            cut_values: V of the state after the last step with the carried hidden state, ``[N]``,
                float32; not read where that step ended its episode.

        Raises:
            ConfigError: If steps are missing, an environment has only filler rows, or no op was
                legal.
            ShapeError: If ``cut_values`` has another shape.
        """
        if not self.is_full:
            message = f"rollout must have {self._steps} steps, got {self._position}"
            raise ConfigError(message)
        _check_like("cut_values", cut_values, self._storage.cut_values)
        idle = (~self._storage.valid.any(0)).nonzero().flatten().tolist()
        if idle:
            message = f"every environment must have a valid step, got none in {idle}"
            raise ConfigError(message)
        _check_masks(self._actions, self._storage)
        self._storage.cut_values.copy_(cut_values.detach())
        self._is_finished = True

    def clear(self) -> None:
        """Start the next rollout; what was stored is overwritten."""
        self._position = 0
        self._is_finished = False

    def state_dict(self) -> dict[str, Tensor]:
        """Return the steps of a partial rollout, ``[t, ...]`` each; nothing of a finished one."""
        if not self.is_partial:
            return {}
        return {
            name: getattr(self._storage, name)[: self._position].clone() for name in _STEP_FIELDS
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on with a partial rollout.

        Args:
            state: What :meth:`state_dict` of a buffer of the same sizes returned.

        Raises:
            ConfigError: If a field is missing or unknown, or has another dtype.
            ShapeError: If a field has another shape.
        """
        self.clear()
        if not state:
            return
        _check_names(state)
        for step in range(len(state["valid"])):
            self.add(**{name: values[step] for name, values in state.items()})

    def count_minibatches(self, asked: int | None) -> int:
        """Return how many minibatches there can be.

        Args:
            asked: How many there are to be; if not given, 2, or 1 of a single environment.

        Raises:
            ConfigError: If that is more than there are environments, or none.
        """
        count = min(_MINIBATCHES, self._num_envs) if asked is None else asked
        if not 1 <= count <= self._num_envs:
            message = f"minibatches must be in [1, {self._num_envs}] (environments), got {count}"
            raise ConfigError(message)
        return count

    def minibatches(self, asked: int | None, generator: torch.Generator) -> Iterator[Tensor]:
        """Deal the environments into minibatches; steps are never parted.

        Args:
            asked: As for :meth:`count_minibatches`; their sizes differ by one at most.
            generator: Shuffles the environments.

        Yields:
            Indices of environments, int64; every environment once.

        Raises:
            ConfigError: If there are more minibatches than environments, or none.
        """
        count = self.count_minibatches(asked)
        yield from torch.randperm(self._num_envs, generator=generator).tensor_split(count)


def select_valid(valid: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what takes the valid transitions, ``[B, ...]``, out of a ``[T, N, ...]`` tensor.

    Args:
        valid: False for filler rows, shape ``[T, N]``, bool.
    """
    if valid.all():
        return lambda values: values.flatten(0, 1)
    rows = valid.flatten().nonzero().squeeze(-1)
    return lambda values: values.flatten(0, 1).index_select(0, rows)


def check_coherence(rollout: Rollout, network: ActorCritic) -> None:
    """Check that the rows of a rollout belong together; for debugging, costs two forward passes.

    Args:
        rollout: A finished rollout.
        network: The network it was collected with, unchanged since.

    Raises:
        InvariantError: If rewards are not finite, a start does not follow an end, a filler row
            ends an episode, a state is not zero at a start or not what the network makes of the
            row before.
    """
    starts, ended, valid = rollout.episode_starts, rollout.ended, rollout.valid
    follows = ended[:-1] | ~valid[:-1]
    goes_on = valid[:-1] & valid[1:] & ~starts[1:]
    states = rollout.states.movedim(3, 1)  # [T, N, 2, layers, hidden]
    after, log_probs = _replay(rollout, network)
    is_next = torch.isclose(states[1:], after[:-1], rtol=1e-4, atol=1e-5).flatten(2).all(-1)
    change = (log_probs - rollout.log_probs).sum(-1).expm1().abs()
    broken = {
        "rewards must be finite": ~(rollout.rewards.isfinite() & rollout.rewards_raw.isfinite()),
        "a filler row must end no episode": ended & ~valid,
        "a filler row must follow an end or another one": ~valid[1:] & ~follows,
        "an episode must start after an end and only there": valid[1:] & (starts[1:] != follows),
        "a state must be zero at a start": starts & (states != 0).flatten(2).any(-1),
        "a state must follow from the row before": goes_on & ~is_next,
        "the ratio must be 1": valid & ~(change < _RATIO_TOLERANCE),
    }
    for rule, rows in broken.items():
        if rows.any():
            step, environment = rows.nonzero()[0].tolist()
            step += len(valid) - len(rows)  # rows of pairs begin at the second step
            message = f"{rule}, got otherwise at step {step} of environment {environment}"
            raise InvariantError(message)


@torch.no_grad()
def _replay(rollout: Rollout, network: ActorCritic) -> tuple[Tensor, Tensor]:
    """Take every row through the network by itself, and all of them in sequence.

    Returns:
        The state after each row, ``[T, N, 2, layers, hidden]``, and log-probs, ``[T, N, A]``.
    """
    states = rollout.states.movedim(0, 2)  # [2, layers, T, N, hidden]
    after: Tensor = network.act(
        rollout.observations.flatten(0, 1),
        rollout.masks.flatten(0, 1),
        states.flatten(2, 3),
        deterministic=True,
        generator=torch.Generator(),
    ).state
    evaluation = network.evaluate(
        rollout.observations,
        network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.states[0],
    )
    after = after.unflatten(2, rollout.valid.shape).permute(2, 3, 0, 1, 4)
    return after, evaluation.log_probs


def _check_names(values: Mapping[str, Tensor]) -> None:
    wrong = sorted(values.keys() ^ set(_STEP_FIELDS))
    if wrong:
        message = f"fields of a step must be those of Rollout, got missing or unknown {wrong}"
        raise ConfigError(message)


def _check_like(name: str, value: Tensor, row: Tensor) -> None:
    if value.shape != row.shape:
        message = f"{name} must have shape {list(row.shape)}, got {list(value.shape)}"
        raise ShapeError(message)
    if value.dtype != row.dtype:
        message = f"{name} must be {row.dtype}, got {value.dtype}"
        raise ConfigError(message)


def _check_masks(actions: ActionSpec, rollout: Rollout) -> None:
    """Refuse a row without a legal op; the network refuses what is wrong with the other heads.

    Raises:
        ConfigError: If there is such a row.
    """
    idle = ~rollout.masks[..., actions.mask_slices[0]].any(-1)
    if idle.any():
        step, environment = idle.nonzero()[0].tolist()
        message = (
            f"masks must leave {actions.names[0]} a legal choice, got none at step {step} of "
            f"environment {environment}"
        )
        raise ConfigError(message)

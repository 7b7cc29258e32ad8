"""Running statistics that bring observations, rewards and values to unit scale.

Each is the identity before its first update and changes in ``update`` only, so that a rollout is
collected and learned from at one frozen scale.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.contracts import ObservationSpec

__all__ = [
    "Normalization",
    "ObservationNormalizer",
    "RewardNormalizer",
    "RunningMoments",
    "ValueNormalizer",
    "ValueScale",
]

_CLIP: Final = 10.0  # standard deviations; of any distribution at most 1 % lies beyond (Chebyshev)
_MIN_VARIANCE: Final = 1e-8  # what varies less counts as constant and keeps its scale
_FORGETTING: Final = 0.05  # weight of the newest rollout in the statistics of the returns


class Normalization(StrEnum):
    """What is brought to unit scale so that the critic can learn; one of them, never both."""

    NONE = "none"
    REWARDS = "rewards"
    VALUES = "values"


class RunningMoments(nn.Module):
    """Mean and variance of everything seen, per feature, in float64.

    Parts are merged exactly (Chan, Golub, LeVeque 1983), so there is no start-up bias.

    Args:
        size: Number of features.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(size, dtype=torch.float64))

    def update(self, batch: Tensor) -> None:
        """Take in a batch, shape ``[B, size]``; an empty one changes nothing."""
        if batch.numel() == 0:
            return
        batch = batch.detach().double()
        mean = batch.mean(0)
        total = self.count + len(batch)
        shift = mean - self.mean
        self.squares += (batch - mean).square().sum(0)
        self.squares += shift.square() * (self.count * len(batch) / total)
        self.mean += shift * (len(batch) / total)
        self.count.copy_(total)

    @property
    def variance(self) -> Tensor:
        """Population variance of everything seen, shape ``[size]``, float64; 0 at first."""
        return self.squares / self.count.clamp(min=1)


class _Cutter(nn.Module):
    """Cuts values to ±10 and counts what it cuts.

    Args:
        fields: Field each column belongs to, shape ``[columns]``, int64; counts are per field.
    """

    clipped: Tensor
    seen: Tensor
    fields: Tensor

    def __init__(self, fields: Tensor) -> None:
        super().__init__()
        num_fields = int(fields.max()) + 1
        self.register_buffer("clipped", torch.zeros(num_fields, dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(num_fields, dtype=torch.int64))
        self.register_buffer("fields", fields, persistent=False)

    def cut(self, values: Tensor) -> Tensor:
        """Cut values of shape ``[..., columns]``."""
        clipped = (values.abs() > _CLIP).flatten(0, -2).sum(0)
        self.clipped.index_add_(0, self.fields, clipped)
        self.seen.index_add_(0, self.fields, torch.full_like(clipped, values.shape[:-1].numel()))
        return values.clamp(-_CLIP, _CLIP)

    def shares(self) -> list[float]:
        """Return the share of the values that were cut since the last reset, by field."""
        shares: list[float] = (self.clipped / self.seen.clamp(min=1)).tolist()
        return shares

    def reset(self) -> None:
        self.clipped.zero_()
        self.seen.zero_()


class ObservationNormalizer(nn.Module):
    """Standardizes observations by the statistics of each field; slots share theirs.

    All it knows is kept by field, so that it can be loaded for another number of slots.

    Args:
        spec: Layout of an observation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, spec: ObservationSpec) -> None:
        super().__init__()
        base = torch.tensor(spec.base_indices, dtype=torch.int64)[None]
        slots = torch.tensor(spec.slot_indices, dtype=torch.int64).reshape(max(spec.slots, 1), -1)
        self._columns = (base, slots)  # [copies, fields] each
        first_columns = torch.cat([base[0], slots[0]])
        fields = torch.zeros(spec.size, dtype=torch.int64)
        fields[base] = torch.arange(base.shape[1])
        fields[slots] = torch.arange(base.shape[1], len(first_columns))
        self._first_columns = first_columns.tolist()
        self._base = RunningMoments(base.shape[1])
        self._slots = RunningMoments(slots.shape[1])
        self._cutter = _Cutter(fields)
        self.register_buffer("mean", torch.zeros(len(first_columns)))
        self.register_buffer("scale", torch.ones(len(first_columns)))

    def update(self, raw: Tensor) -> None:
        """Take in raw observations, shape ``[..., F]``."""
        rows = raw.flatten(0, -2)
        parts = (self._base, self._slots)
        for columns, moments in zip(self._columns, parts, strict=True):
            moments.update(rows[:, columns].flatten(0, 1))
        self.mean.copy_(torch.cat([moments.mean for moments in parts]))
        self.scale.copy_(_invert(torch.cat([moments.variance for moments in parts])))

    def normalize(self, raw: Tensor) -> Tensor:
        """Standardize and cut to ±10 standard deviations; cuts are counted.

        Args:
            raw: Shape ``[..., F]``, float32.

        Returns:
            Same shape and dtype.
        """
        fields = self._cutter.fields
        return self._cutter.cut((raw - self.mean[fields]) * self.scale[fields])

    def saturated(self) -> dict[str, float]:
        """Return the share of cut values of the fields that were cut since the last reset.

        A field is named by its index in the observation, one of a slot by that of the first slot.
        """
        shares = zip(self._first_columns, self._cutter.shares(), strict=True)
        return {f"observation[{column}]": share for column, share in shares if share}

    def reset_counts(self) -> None:
        """Forget what was cut."""
        self._cutter.reset()


class RewardNormalizer(nn.Module):
    """Divides rewards by the running deviation of the discounted return, as VecNormalize does.

    Engstrom et al. 2020, https://arxiv.org/abs/2005.12729, section 3. The mean stays: subtracting
    it would change what is optimal.

    Args:
        num_envs: Environments.
        gamma: Discount per step, in [0, 1].
    """

    returns: Tensor
    scale: Tensor

    def __init__(self, num_envs: int, *, gamma: float) -> None:
        super().__init__()
        self._gamma = gamma
        self._moments = RunningMoments(1)
        self._cutter = _Cutter(torch.zeros(1, dtype=torch.int64))
        self.register_buffer("returns", torch.zeros(num_envs, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(1))

    def normalize(self, rewards: Tensor) -> Tensor:
        """Scale rewards of any shape, float32, and cut them to ±10; cuts are counted."""
        return self._cutter.cut(rewards[..., None] * self.scale)[..., 0]

    def update(self, rewards: Tensor, *, ended: Tensor, valid: Tensor) -> None:
        """Take in the raw rewards of a rollout.

        Args:
            rewards: Shape ``[T, N]``.
            ended: Steps that ended their episode; the return starts anew, ``[T, N]``, bool.
            valid: False for filler rows, which are left out, ``[T, N]``, bool.
        """
        returns = torch.zeros_like(rewards, dtype=torch.float64)
        for step in range(len(rewards)):
            returns[step] = self._gamma * self.returns + rewards[step]
            carried = torch.where(valid[step], returns[step], self.returns)
            self.returns.copy_(carried.masked_fill(ended[step], 0.0))
        self._moments.update(returns[valid][:, None])
        self.scale.copy_(_invert(self._moments.variance))

    def saturated(self) -> dict[str, float]:
        """Return the share of rewards that were cut since the last reset, if any was."""
        (share,) = self._cutter.shares()
        return {"reward": share} if share else {}

    def reset_counts(self) -> None:
        """Forget what was cut."""
        self._cutter.reset()


class ValueNormalizer(nn.Module):
    """Lets the critic work at unit scale while its outputs are preserved (PopArt).

    Van Hasselt et al. 2016, https://arxiv.org/abs/1602.07714: when the statistics of the returns
    move, the critic's output layer is rescaled so that every value in rewards stays what it was.
    """

    mean: Tensor
    deviation: Tensor
    updates: Tensor
    _second: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("deviation", torch.ones((), dtype=torch.float64))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("_second", torch.zeros((), dtype=torch.float64))

    def normalize(self, returns: Tensor) -> Tensor:
        """Bring values from the unit of the rewards to the critic's; any shape, float32."""
        return (returns - self.mean.float()) / self.deviation.float()

    def denormalize(self, values: Tensor) -> Tensor:
        """Bring values from the critic's unit to that of the rewards; any shape, float32."""
        return values * self.deviation.float() + self.mean.float()

    def update(self, returns: Tensor, output: nn.Linear) -> None:
        """Take in the returns of a rollout and rescale the critic's output layer.

        The statistics are the plain average over the first rollouts and forget slowly from then on,
        since returns grow as the policy learns.

        Args:
            returns: In the unit of the rewards, any shape, at least one.
            output: The critic's last layer, changed in place.
        """
        returns = returns.detach().double()
        self.updates += 1
        weight = (1 / self.updates.double()).clamp(min=_FORGETTING)
        old_mean, old_deviation = self.mean.clone(), self.deviation.clone()
        self.mean.lerp_(returns.mean(), weight)
        self._second.lerp_(returns.square().mean(), weight)
        self.deviation.copy_(1 / _invert(self._second - self.mean.square()))
        with torch.no_grad():
            output.weight.mul_((old_deviation / self.deviation).float())
            bias = output.bias.double() * old_deviation + old_mean - self.mean
            output.bias.copy_((bias / self.deviation).float())


class ValueScale(NamedTuple):
    """The way from the critic's unit to that of the raw rewards.

    Attributes:
        offset: What a value of 0 is, in raw rewards.
        factor: What a difference of 1 is.
    """

    offset: float
    factor: float

    @classmethod
    def read(cls, values: Mapping[str, Tensor], rewards: Mapping[str, Tensor]) -> Self:
        """Read it from the normalizers that the critic was trained with.

        Args:
            values: State of the :class:`ValueNormalizer`.
            rewards: State of the :class:`RewardNormalizer`.
        """
        scale = float(rewards["scale"][0])
        return cls(offset=float(values["mean"]) / scale, factor=float(values["deviation"]) / scale)

    def apply(self, value: float) -> float:
        """Bring a value from the critic's unit to that of the raw rewards."""
        return self.offset + self.factor * value


def _invert(variance: Tensor) -> Tensor:
    """Return the factor to unit variance; 1 for what does not vary."""
    return torch.where(variance > _MIN_VARIANCE, variance, 1.0).rsqrt().float()

"""From a flat observation to features of the environment and of each slot.

One encoder is shared by all slots and their features are pooled (Zaheer et al. 2017, "Deep sets",
arXiv:1703.06114), so the weights do not depend on how many slots there are or in which order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tamiyo.contracts import ObservationSpec, ShapeError
from tamiyo.policy.layers import HIDDEN_GAIN, build_linear, build_mlp

__all__ = ["Encoder"]


class Encoder(nn.Module):
    """Encode every slot by itself, then all of them together with the environment.

    Args:
        observation: Layout of the observation.
        hidden: Features of the environment that come out.
        slot_hidden: Features of each slot that come out.
        generator: Source of the weights, on the CPU.
    """

    base_indices: Tensor
    slot_indices: Tensor

    def __init__(
        self,
        observation: ObservationSpec,
        *,
        hidden: int,
        slot_hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.size = observation.size
        self._num_slots = observation.slots
        # Not in the state dictionary: they are the one thing here that grows with the slots.
        base_indices = torch.tensor(observation.base_indices, dtype=torch.int64)
        slot_indices = torch.tensor(observation.slot_indices, dtype=torch.int64).flatten()
        self.register_buffer("base_indices", base_indices, persistent=False)
        self.register_buffer("slot_indices", slot_indices, persistent=False)
        self.slots: nn.Sequential | None = None
        pooled = 0
        if observation.slots:
            self.slots = build_mlp(
                len(slot_indices) // observation.slots,
                slot_hidden,
                slot_hidden,
                gain=HIDDEN_GAIN,
                generator=generator,
            ).append(nn.SiLU())
            pooled = 2 * slot_hidden
        inputs = len(observation.base_indices) + pooled
        self.trunk = nn.Sequential(
            build_linear(inputs, hidden, gain=HIDDEN_GAIN, generator=generator),
            nn.LayerNorm(hidden),
            nn.SiLU(),
        )

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Args:
            observations: Shape ``[B, F]``, floating.

        Returns:
            Features of the environment, shape ``[B, hidden]``, and of its slots, shape
            ``[B, S, slot_hidden]``; ``[B, 0, 0]`` if the observation has no slots.

        Raises:
            ShapeError: If the observations do not have the layout's size.
        """
        if observations.shape[-1] != self.size:
            message = f"observations must have {self.size} features, got {observations.shape[-1]}"
            raise ShapeError(message)
        base = observations.index_select(1, self.base_indices)
        if self.slots is None:
            return self.trunk(base), base.new_empty(len(base), 0, 0)
        features = observations.index_select(1, self.slot_indices)
        slots = self.slots(features.unflatten(1, (self._num_slots, -1)))
        return self.trunk(torch.cat([base, slots.mean(1), slots.amax(1)], -1)), slots

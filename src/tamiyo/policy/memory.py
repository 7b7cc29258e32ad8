"""What the controller remembers of an episode: an LSTM, or nothing.

A rollout row holds several episodes one after the other. Its hidden state starts anew with each,
so the rows are cut at the episode starts, pieces of like length run through the LSTM side by side,
filled up to the longest, and the outputs go back to where their inputs came from. No step is looped
over in Python, and oneDNN's fused LSTM, which takes no pieces of unequal length, is used throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tamiyo.policy.layers import HIDDEN_GAIN, build_linear, build_lstm

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FeedForwardMemory", "RecurrentMemory"]


class RecurrentMemory(nn.Module):
    """An LSTM whose state is carried from step to step and starts at 0 with each episode.

    Args:
        hidden: Features in and out.
        layers: Layers on top of each other.
        longest_span: Steps over which the slowest fresh unit forgets; ``None`` for bias 1.
        generator: Source of the weights, on the CPU.
    """

    def __init__(
        self,
        hidden: int,
        layers: int,
        *,
        longest_span: int | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.lstm = build_lstm(hidden, layers, longest_span=longest_span, generator=generator)

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Go one step.

        Args:
            inputs: Shape ``[N, hidden]``.
            state: Hidden and cell state before the step, shape ``[2, layers, N, hidden]``.

        Returns:
            Outputs, shape ``[N, hidden]``, and the state after the step.
        """
        outputs, (hidden, cell) = self.lstm(inputs.unsqueeze(0), (state[0], state[1]))
        return outputs.squeeze(0), torch.stack([hidden, cell])

    def forward(self, inputs: Tensor, episode_starts: Tensor, state: Tensor) -> Tensor:
        """Go through whole rows at once.

        Args:
            inputs: Shape ``[T, N, hidden]``.
            episode_starts: True where a step is the first of its episode, ``[T, N]``, bool.
            state: Hidden and cell state before the first step, ``[2, layers, N, hidden]``.

        Returns:
            Outputs, shape ``[T, N, hidden]``; equal to those of :meth:`step` after step.
        """
        state = state.masked_fill(episode_starts[0].unsqueeze(-1), 0.0)
        # The one branch on data: rows of one episode each need no cutting and run faster.
        if not episode_starts[1:].any():
            outputs: Tensor = self.lstm(inputs, (state[0], state[1]))[0]
            return outputs
        return self._run_segments(inputs, episode_starts, state)

    def _run_segments(self, inputs: Tensor, episode_starts: Tensor, state: Tensor) -> Tensor:
        """Cut rows at episode starts and run segments of like length together."""
        num_steps, num_rows, hidden = inputs.shape
        starts = episode_starts.t().clone()
        starts[:, 0] = True
        # Steps are numbered row by row, N * T; a segment is known by its first one.
        first_steps = starts.flatten().nonzero().squeeze(-1)
        ends = F.pad(first_steps[1:], (0, 1), value=num_steps * num_rows)
        lengths = ends - first_steps
        rows = inputs.transpose(0, 1).reshape(-1, hidden)
        places, outputs = [], []
        for longest, members in _group_by_length(lengths):
            first = first_steps[members]
            step = torch.arange(longest, device=inputs.device).unsqueeze(-1)  # [longest, 1]
            is_filled = step < lengths[members]
            # Beyond its end a segment sees its last step again; what comes of it is dropped.
            place = first + step.minimum(lengths[members] - 1)  # [longest, members]
            begun = state[:, :, first // num_steps].masked_fill(
                (first % num_steps != 0).unsqueeze(-1), 0.0
            )
            padded = rows.index_select(0, place.flatten()).unflatten(0, place.shape)
            output: Tensor = self.lstm(padded, (begun[0], begun[1]))[0]
            kept = is_filled.flatten().nonzero().squeeze(-1)
            places.append(place.flatten().index_select(0, kept))
            outputs.append(output.flatten(0, 1).index_select(0, kept))
        order = torch.cat(places).argsort()
        in_rows = torch.cat(outputs).index_select(0, order)
        return in_rows.unflatten(0, (num_rows, num_steps)).transpose(0, 1)


def _group_by_length(lengths: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Part segments so that the shortest of a group is more than half as long as the longest.

    Yields:
        The length of the longest, and the indices of the group.
    """
    classes = (lengths - 1).log2().floor()  # 0 to 1 step of lengths 2, 2 to 3 of 3 to 4, ...
    for own in classes.unique():
        members = (classes == own).nonzero().squeeze(-1)
        yield int(lengths[members].max()), members


class FeedForwardMemory(nn.Module):
    """A layer in the LSTM's place that remembers nothing; its state is empty.

    Args:
        hidden: Features in and out.
        generator: Source of the weights, on the CPU.
    """

    layers = 0

    def __init__(self, hidden: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = build_linear(hidden, hidden, gain=HIDDEN_GAIN, generator=generator)

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Transform ``inputs``, shape ``[N, hidden]``, and hand ``state`` back as it came."""
        return F.silu(self.linear(inputs)), state

    def forward(self, inputs: Tensor, _episode_starts: Tensor, _state: Tensor) -> Tensor:
        """Transform ``inputs``, shape ``[T, N, hidden]``."""
        return F.silu(self.linear(inputs))

"""What the controller remembers of an episode: an LSTM, or nothing.

A rollout row holds several episodes one after the other. Its hidden state starts anew with each,
so the rows are cut at the episode starts, pieces of like length run through the LSTM side by side,
filled up to the longest, and the outputs go back to where their inputs came from. No step is looped
over in Python, and all goes through oneDNN's fused LSTM, which takes pieces of equal length only.
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
        hidden, cells = [inputs], []
        # For one step of a few rows nn.LSTM prepares longer than it computes.
        for layer, weights in enumerate(self.lstm.all_weights):
            new_hidden, new_cell = torch.lstm_cell(
                hidden[-1], (state[0, layer], state[1, layer]), *weights
            )
            hidden.append(new_hidden)
            cells.append(new_cell)
        return hidden[-1], torch.stack([*hidden[1:], *cells]).unflatten(0, (2, -1))

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
        """Cut rows at episode starts; steps are numbered row by row, ``N * T`` in all."""
        num_steps, num_rows, _ = inputs.shape
        starts = episode_starts.t().clone()
        starts[:, 0] = True
        firsts = starts.flatten().nonzero().squeeze(-1)  # [segments]
        lengths = firsts.diff(append=firsts.new_tensor([starts.numel()]))
        begins_later = (firsts % num_steps != 0).unsqueeze(-1)
        state = state[:, :, firsts // num_steps].masked_fill(begins_later, 0.0)
        rows = inputs.transpose(0, 1).flatten(0, 1)
        places, outputs = [], []
        for group in _group_by_length(lengths):
            place, output = self._run_group(rows, firsts[group], lengths[group], state[:, :, group])
            places.append(place)
            outputs.append(output)
        in_order = torch.cat(outputs).index_select(0, torch.cat(places).argsort())
        in_rows: Tensor = in_order.unflatten(0, (num_rows, num_steps)).transpose(0, 1)
        return in_rows

    def _run_group(
        self, rows: Tensor, firsts: Tensor, lengths: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run segments side by side; return the numbers of their steps and what came out."""
        step = torch.arange(int(lengths.max()), device=rows.device).unsqueeze(-1)  # [longest, 1]
        # Beyond its end a segment sees its last step again; what comes of that is dropped.
        places = (firsts + step.minimum(lengths - 1)).flatten()
        inputs = rows.index_select(0, places).unflatten(0, (len(step), -1))
        outputs: Tensor = self.lstm(inputs, (state[0], state[1]))[0]
        kept = (step < lengths).flatten().nonzero().squeeze(-1)
        return places.index_select(0, kept), outputs.flatten(0, 1).index_select(0, kept)


def _group_by_length(lengths: Tensor) -> Iterator[Tensor]:
    """Part segments so that the shortest of a group is more than half as long as the longest.

    Yields:
        The indices of a group: those of length 1, of 2, of 3 and 4, of 5 to 8, ...
    """
    doublings = (lengths - 1).log2().floor()
    for doubling in doublings.unique():
        yield (doublings == doubling).nonzero().squeeze(-1)


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

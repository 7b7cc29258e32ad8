"""What the controller remembers of an episode: an LSTM, or nothing.

A rollout row holds several episodes one after the other. Its hidden state starts anew with each,
so the rows are cut at the episode starts, the pieces run through the LSTM in one packed call, and
the outputs go back to where their inputs came from. No step is looped over in Python.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tamiyo.policy.layers import HIDDEN_GAIN, build_linear, build_lstm

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
        """Cut rows at episode starts; steps are numbered row by row, ``[N * T]``."""
        num_steps, num_rows, hidden = inputs.shape
        starts = episode_starts.t().clone()
        starts[:, 0] = True
        first_step = starts.flatten().nonzero().squeeze(-1)  # [segments]
        segment = starts.flatten().cumsum(0) - 1  # [N * T]: which segment a step belongs to
        age = torch.arange(len(segment), device=inputs.device) - first_step[segment]
        lengths = segment.bincount()
        longest_first = lengths.argsort(descending=True, stable=True)
        rank = torch.empty_like(longest_first)
        rank[longest_first] = torch.arange(len(rank), device=inputs.device)
        # Packed order: all first steps, longest segment first, then all second steps, ...
        order = (age * len(lengths) + rank[segment]).argsort()
        packed = PackedSequence(
            inputs.transpose(0, 1).reshape(-1, hidden)[order], age.bincount().cpu()
        )
        row = first_step // num_steps
        state = state[:, :, row].masked_fill((first_step % num_steps != 0).unsqueeze(-1), 0.0)
        state = state[:, :, longest_first]
        outputs: Tensor = self.lstm(packed, (state[0], state[1]))[0].data
        outputs = outputs[order.argsort()].unflatten(0, (num_rows, num_steps))
        return outputs.transpose(0, 1)


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

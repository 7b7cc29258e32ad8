from __future__ import annotations

from functools import partial

import pytest
import torch

from tamiyo.policy.memory import FeedForwardMemory, RecurrentMemory
from tests.support.networks import draw_normal

HIDDEN = 6
draw_double = partial(draw_normal, dtype=torch.float64)


def build(layers: int = 1) -> RecurrentMemory:
    return RecurrentMemory(HIDDEN, layers, generator=torch.Generator().manual_seed(0)).double()


def draw_starts(kind: str, steps: int, rows: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    starts = {
        "carried": torch.zeros(steps, rows, dtype=torch.bool),
        "whole": torch.arange(steps).unsqueeze(-1).expand(-1, rows) == 0,
        "equal": torch.arange(steps).unsqueeze(-1).expand(-1, rows) % 4 == 0,
        "ragged": torch.rand(steps, rows, generator=generator) < 0.3,
        "every": torch.ones(steps, rows, dtype=torch.bool),
    }
    return starts[kind]


def loop(memory, inputs, starts, state):
    outputs = []
    for step, start in zip(inputs, starts, strict=True):
        state = state.masked_fill(start.unsqueeze(-1), 0.0)
        output, state = memory.step(step, state)
        outputs.append(output)
    return torch.stack(outputs)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["carried", "whole", "equal", "ragged", "every"])
def test_whole_rows_equal_a_loop_over_steps_in_outputs_and_gradients(kind, layers):
    memory, steps, rows = build(layers), 11, 5
    starts = draw_starts(kind, steps, rows)
    inputs = draw_double(steps, rows, HIDDEN).requires_grad_()
    state = draw_double(2, layers, rows, HIDDEN, seed=1).requires_grad_()
    weights = draw_double(steps, rows, HIDDEN, seed=2)
    wanted = (inputs, state, *memory.parameters())
    outputs = [loop(memory, inputs, starts, state), memory(inputs, starts, state)]
    gradients = [torch.autograd.grad((output * weights).sum(), wanted) for output in outputs]
    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_no_episode_hears_of_the_one_before_it_or_of_another_row():
    memory = build()
    starts = draw_starts("ragged", 9, 4)
    inputs = draw_double(9, 4, HIDDEN).requires_grad_()
    row, step = 2, 8
    starts[3, row] = True
    outputs = memory(inputs, starts, torch.zeros(2, 1, 4, HIDDEN, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(outputs[step, row].sum(), inputs)
    heard = (gradient != 0).any(-1)
    first = int(starts[: step + 1, row].nonzero().max())
    assert heard.nonzero().tolist() == [[t, row] for t in range(first, step + 1)]


def test_a_feed_forward_layer_does_the_same_at_every_step():
    memory = FeedForwardMemory(HIDDEN, generator=torch.Generator().manual_seed(0))
    inputs, state = draw_normal(4, 3, HIDDEN), torch.zeros(2, 0, 3, HIDDEN)
    starts = torch.zeros(4, 3, dtype=torch.bool)
    outputs = memory(inputs, starts, state)
    torch.testing.assert_close(outputs, torch.stack([memory.step(x, state)[0] for x in inputs]))

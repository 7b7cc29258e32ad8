from __future__ import annotations

import torch
from torch import nn

from tamiyo.engine.batched.layers.pointwise import guard
from tamiyo.model import drawing_from
from tests.support.stacked import Case, draw_floats, run_stacked, seeded

NUMBERS = torch.randn(3, 1000, generator=seeded(0))


def test_a_guarded_function_does_not_see_where_a_number_stands():
    whole = guard(torch.tanh, NUMBERS)
    for begin, end in ((0, 1), (3, 10), (500, 517), (991, 1000)):
        assert torch.equal(guard(torch.tanh, NUMBERS[:, begin:end]), whole[:, begin:end])


def test_a_guarded_function_is_the_function():
    torch.testing.assert_close(guard(torch.exp, NUMBERS), NUMBERS.exp())


def test_dropout_draws_what_each_network_would_draw():
    case = Case(lambda: nn.Dropout(0.3), draw_floats(4, 2, 3, 3))
    run = run_stacked(case, [4, 0, 2])
    for place, network in enumerate((4, 0, 2)):
        with drawing_from(seeded(300 + network)):
            assert torch.equal(run.outputs[place], nn.Dropout(0.3)(case.draw_for(network)))


def test_dropout_of_nothing_draws_nothing():
    case = Case(lambda: nn.Dropout(0.0), draw_floats(4, 3))
    run = run_stacked(case, [1])
    assert torch.equal(run.outputs[0], case.draw_for(1))
    run = run_stacked(Case(nn.Dropout, draw_floats(4, 3)), [1], training=False)
    assert torch.equal(run.outputs[0], case.draw_for(1))

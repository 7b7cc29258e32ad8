from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.stacked import Case, draw_symbols, run_stacked


def test_a_padding_symbol_learns_nothing():
    case = Case(lambda: nn.Embedding(4, 3, padding_idx=1), draw_symbols(4, 9, 5))
    run = run_stacked(case, [0, 1])
    for gradients in run.of_parameters:
        assert torch.all(gradients["weight"][1] == 0)
        assert torch.all(gradients["weight"][[0, 2, 3]] != 0)


@pytest.mark.parametrize(
    "setting", [{"max_norm": 1.0}, {"sparse": True}, {"scale_grad_by_freq": True}]
)
def test_a_table_that_is_more_than_a_table_is_refused(setting):
    case = Case(lambda: nn.Embedding(4, 3, **setting), draw_symbols(4, 2))
    with pytest.raises(NotImplementedError, match="embedding must have no max_norm"):
        run_stacked(case, [0])

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ShapeError, UnknownNameError
from tamiyo.recipes import evaluate_network
from tamiyo.tasks import get_task


class Constant(nn.Module):
    """Says the same class of everything."""

    def __init__(self, outputs=10):
        super().__init__()
        self.scores = nn.Parameter(torch.arange(outputs).float())
        self.fixed = nn.Parameter(torch.zeros(5), requires_grad=False)

    def forward(self, inputs):
        return self.scores.expand(len(inputs), -1)


def test_accuracy_is_the_share_of_the_test_split_that_is_right():
    result = evaluate_network(Constant(), "digits-cnn")
    targets = get_task("digits-cnn").load_data().test.targets
    assert result.test_accuracy == pytest.approx(100 * float((targets == 9).double().mean()))
    assert (result.task, result.parameters) == ("digits-cnn", 10)


def test_the_network_is_judged_in_evaluation_mode():
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(64, 10))
    evaluate_network(network, "digits-cnn")
    assert not network.training


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match="got 'mnist'"):
        evaluate_network(Constant(), "mnist")


def test_outputs_of_another_task_are_refused():
    with pytest.raises(ShapeError, match=r"for task digits-cnn must be .* 10\], got .* 3\]"):
        evaluate_network(Constant(3), "digits-cnn")


def test_a_network_for_other_inputs_is_refused():
    with pytest.raises(ShapeError, match=r"the inputs \[\d+, 1, 8, 8\] of task digits-cnn"):
        evaluate_network(nn.Linear(3, 10), "digits-cnn")

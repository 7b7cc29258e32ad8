from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, ShapeError
from tamiyo.tasks import BITS_PER_BYTE, CLASSIFICATION, NEXT_BYTE, build_objective

OUTPUTS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
TARGETS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss()])
def test_cross_entropy_is_judged_by_accuracy(loss):
    objective = build_objective(loss)
    assert objective.is_classification
    assert objective.compute_values(OUTPUTS, TARGETS).tolist() == [1.0, 1.0, 0.0]


def test_classification_has_a_loss_per_sample():
    values, losses = CLASSIFICATION.judge(OUTPUTS, TARGETS)
    assert (values.dtype, losses.dtype) == (torch.float64, torch.float64)
    assert losses.mean().item() == pytest.approx(CLASSIFICATION.loss(OUTPUTS, TARGETS).item())


def test_any_other_loss_is_judged_by_itself_sample_by_sample():
    objective = build_objective(F.mse_loss)
    outputs, targets = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.zeros(2, 2)
    values, losses = objective.judge(outputs, targets)
    assert values.tolist() == losses.tolist() == [5.0, 0.0]
    assert not objective.is_classification


def test_a_metric_of_the_users_leaves_the_loss_batch_by_batch():
    objective = build_objective(F.mse_loss, lambda outputs, targets: outputs[:, 0])
    values, losses = objective.judge(OUTPUTS, torch.zeros(3, 2))
    assert (values.tolist(), len(losses)) == ([2.0, 0.0, 3.0], 1)


def test_further_axes_are_averaged_and_a_single_number_is_one_unit():
    per_position = build_objective(F.mse_loss, lambda outputs, targets: outputs > 0)
    assert per_position.compute_values(OUTPUTS, TARGETS).tolist() == [0.5, 0.5, 0.5]
    per_batch = build_objective(F.mse_loss, lambda outputs, targets: outputs.max())
    assert per_batch.compute_values(OUTPUTS, TARGETS).tolist() == [3.0]


def test_next_bytes_are_judged_in_bits():
    outputs, targets = torch.zeros(2, 5, 256), torch.zeros(2, 5, dtype=torch.int64)
    values, losses = NEXT_BYTE.judge(outputs, targets)
    assert values.tolist() == pytest.approx([8.0, 8.0])
    assert losses.tolist() == pytest.approx([math.log(256)] * 2)
    assert NEXT_BYTE.loss(outputs, targets).item() == pytest.approx(math.log(256))
    assert BITS_PER_BYTE.to_points(8.0) == 0


def test_outputs_that_are_no_classes_are_refused():
    with pytest.raises(
        ShapeError, match=r"\[B, C, ...\] for classes .* got \[3, 2\] for targets \[3, 2\]"
    ):
        CLASSIFICATION.compute_values(OUTPUTS, OUTPUTS)


@pytest.mark.parametrize(("given", "kind"), [(0.5, "float"), (torch.ones(2) * 1j, "Tensor")])
def test_a_metric_that_gives_no_numbers_is_refused(given, kind):
    objective = build_objective(F.mse_loss, lambda outputs, targets: given)
    with pytest.raises(ConfigError, match=f"metric must return a tensor of real .*, got {kind}"):
        objective.compute_values(OUTPUTS, TARGETS)


def test_outputs_that_cannot_be_split_need_a_metric():
    objective = build_objective(lambda outputs, targets: outputs["y"].mean())
    with pytest.raises(ConfigError, match=r"metric must be given .* got dict and Tensor"):
        objective.compute_values({"y": OUTPUTS}, TARGETS)

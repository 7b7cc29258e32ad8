from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import ACCURACY, ConfigError, ShapeError
from tamiyo.tasks import (
    BITS_PER_BYTE,
    CLASSIFICATION,
    IGNORED_CLASS,
    NEXT_BYTE,
    Units,
    build_objective,
    compute_cross_entropies,
    count_samples,
)

OUTPUTS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
TARGETS = torch.tensor([0, 1, 1])


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss()])
def test_cross_entropy_is_judged_by_accuracy(loss):
    objective = build_objective(loss)
    assert objective.scale is ACCURACY
    assert objective.compute_values(OUTPUTS, TARGETS).values.tolist() == [1.0, 1.0, 0.0]


def judge_loss(objective, outputs, targets):
    return objective.judge(outputs, targets)[1]


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(ignore_index=1),
        nn.CrossEntropyLoss(label_smoothing=0.2),
    ],
)
@pytest.mark.parametrize("metric", [None, lambda outputs, targets: outputs.mean(dim=1)])
def test_the_mean_of_plain_cross_entropies_is_pytorchs_whatever_the_batches(loss, metric):
    outputs, targets = draw(101, 3), torch.arange(101) % 3
    if not isinstance(loss, nn.CrossEntropyLoss):
        targets[::4] = -100
    objective = build_objective(loss, metric)
    parts = [judge_loss(objective, outputs[i : i + 50], targets[i : i + 50]) for i in (0, 50, 100)]
    assert Units.join(parts).mean == pytest.approx(loss(outputs, targets).item())


def test_targets_that_are_left_out_are_neither_right_nor_wrong():
    outputs, targets = draw(4, 3, 2, 2), torch.arange(16).reshape(4, 2, 2) % 3
    targets[0, 0] = -100
    targets[1] = -100
    kept = targets != -100
    expected = (outputs.argmax(dim=1) == targets)[kept].double().mean().item()
    values, losses = build_objective(F.cross_entropy).judge(outputs, targets)
    assert values.mean == pytest.approx(expected)
    assert losses.mean == pytest.approx(F.cross_entropy(outputs, targets).item())
    assert values.weights.tolist() == [2.0, 0.0, 4.0, 4.0]


def test_soft_labels_are_compared_sample_by_sample_beside_a_metric():
    outputs, targets = draw(6, 3), draw(6, 3, seed=1).softmax(dim=1)
    objective = build_objective(F.cross_entropy, lambda outputs, targets: outputs[:, 0])
    losses = judge_loss(objective, outputs, targets)
    assert losses.weights.tolist() == [1.0] * 6
    assert losses.mean == pytest.approx(F.cross_entropy(outputs, targets).item())


def test_weighted_cross_entropy_is_compared_batch_by_batch():
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
    losses = judge_loss(build_objective(loss), OUTPUTS, TARGETS)
    assert losses.values.tolist() == [pytest.approx(loss(OUTPUTS, TARGETS).item())]
    assert losses.weights.tolist() == [3.0]


def test_any_other_loss_is_judged_by_itself_sample_by_sample():
    objective = build_objective(F.mse_loss)
    outputs, targets = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.zeros(2, 2)
    values, losses = objective.judge(outputs, targets)
    assert values.values.tolist() == losses.values.tolist() == [5.0, 0.0]
    assert objective.is_judged_by_loss


def test_numbers_of_a_batch_weigh_as_much_as_its_samples():
    objective = build_objective(F.mse_loss, lambda outputs, targets: outputs.mean())
    parts = [
        objective.compute_values(torch.full((n, 1), v), TARGETS[:n])
        for n, v in ((3, 1.0), (1, 5.0))
    ]
    assert Units.join(parts).mean == 2.0


def test_further_axes_are_averaged_and_a_single_number_is_one_unit():
    per_position = build_objective(F.mse_loss, lambda outputs, targets: outputs > 0)
    assert per_position.compute_values(OUTPUTS, TARGETS).values.tolist() == [0.5, 0.5, 0.5]
    per_batch = build_objective(F.mse_loss, lambda outputs, targets: outputs.max())
    assert per_batch.compute_values(OUTPUTS, TARGETS).values.tolist() == [3.0]


def test_the_error_is_that_of_the_mean_and_unknown_for_one_unit():
    values = draw(40).double()
    units = Units(values=values, weights=torch.ones_like(values))
    assert units.error == pytest.approx(float(values.std()) / 40**0.5)
    assert units.minus(units).error == 0
    assert Units(values=values[:1], weights=values[:1].abs()).error is None


def test_the_error_of_unequal_units_counts_the_heavy_ones():
    light = Units(values=torch.tensor([0.0, 0.0, 9.0]), weights=torch.tensor([50.0, 50.0, 1.0]))
    heavy = Units(values=torch.tensor([0.0, 0.0, 9.0]), weights=torch.tensor([50.0, 50.0, 50.0]))
    assert light.error < heavy.error


def test_next_bytes_are_judged_in_bits():
    outputs, targets = torch.zeros(2, 5, 256), torch.zeros(2, 5, dtype=torch.int64)
    values, losses = NEXT_BYTE.judge(outputs, targets)
    assert values.values.tolist() == pytest.approx([8.0, 8.0])
    assert losses.values.tolist() == pytest.approx([math.log(256)] * 2)
    assert NEXT_BYTE.loss(outputs, targets).item() == pytest.approx(math.log(256))
    assert BITS_PER_BYTE.to_points(8.0) == 0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.MSELoss(reduction="none"), r"loss must return a tensor of one number, got \[3, 2\]"),
        (lambda outputs, targets: 0.5, "loss must return a tensor of one number, got float"),
        (nn.MSELoss(reduction="sum"), "loss must be a mean over samples .* give a metric"),
        (lambda o, t: (o.mean() - t.mean()).square(), "loss must be a mean over samples"),
    ],
)
def test_a_loss_that_cannot_be_trained_or_compared_is_refused(loss, message):
    with pytest.raises(ConfigError, match=message):
        build_objective(loss).check(OUTPUTS, torch.zeros(3, 2))


def test_a_loss_of_any_kind_will_do_beside_a_metric():
    objective = build_objective(nn.MSELoss(reduction="sum"), lambda outputs, targets: outputs[:, 0])
    objective.check(OUTPUTS, torch.zeros(3, 2))


def test_outputs_that_are_no_classes_are_refused():
    with pytest.raises(ShapeError, match=r"\[B, C, ...\] for classes .* got \[3, 2\] for targets"):
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


@pytest.mark.parametrize(("name", "given"), [("loss", None), ("loss", "mse"), ("metric", "acc")])
def test_what_is_no_function_is_refused(name, given):
    with pytest.raises(ConfigError, match=f"{name} must be a function .* got {given!r}"):
        build_objective(**{"loss": F.mse_loss, name: given})


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        (OUTPUTS, 3),
        ((OUTPUTS, TARGETS[:1]), 3),
        ([OUTPUTS, OUTPUTS], 3),
        ({"y": OUTPUTS}, 3),
        (["a", "b"], 2),
        (torch.tensor(1.0), 1),
        ({}, 1),
        (None, 1),
    ],
)
def test_samples_are_those_of_the_first_tensor(batch, count):
    assert count_samples(batch) == count


@pytest.mark.parametrize("is_far", [False, True])
def test_cross_entropies_are_those_of_pytorch_with_their_gradients(is_far):
    generator = torch.Generator().manual_seed(3)
    outputs = torch.randn(17, 10, generator=generator) * (80.0 if is_far else 1.0)
    targets = torch.randint(10, (17,), generator=generator)
    targets[4] = IGNORED_CLASS
    ours, theirs = (outputs.clone().requires_grad_() for _ in range(2))
    found = compute_cross_entropies(ours, targets)
    expected = F.cross_entropy(theirs, targets, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-6)


def test_the_cross_entropy_of_a_sample_does_not_depend_on_its_place():
    outputs = torch.randn(1_000, 10, generator=torch.Generator().manual_seed(4))
    targets = torch.arange(1_000) % 10
    whole = compute_cross_entropies(outputs, targets)
    for begin in range(0, 40, 3):
        part = slice(begin, begin + 69)
        assert torch.equal(compute_cross_entropies(outputs[part], targets[part]), whole[part])


def test_cross_entropies_of_infinite_outputs_are_not_finite():
    outputs = torch.tensor([[float("inf"), 0.0], [0.0, float("nan")]])
    assert not compute_cross_entropies(outputs, torch.tensor([0, 1])).isfinite().any()

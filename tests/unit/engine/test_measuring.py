from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tamiyo.contracts import ACCURACY, ConfigError, LifecycleOp
from tamiyo.engine import EpochMeter, choose_scale, judge_network, validate
from tamiyo.tasks import CLASSIFICATION, build_objective
from tests.support.tasks import (
    act,
    build_model,
    build_noisy_host,
    build_tiny_data,
    copy_state,
    germinate,
    lead,
)

DATA = build_tiny_data()
CONTROL = DATA.control


def absolute_error(outputs, targets):
    return (outputs[:, 0] - targets).abs()


def train_an_epoch(model, optimizer):
    model.train()
    for inputs, targets in DATA.train_batches(torch.Generator()):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()


def test_an_epoch_is_measured_as_validation_measures_it_and_the_seeds_are_told():
    model = build_model()
    growing = lead(model)
    meter = EpochMeter(model, CONTROL, optimizer=growing)
    assert (meter.initial.epoch, meter.initial.global_step, meter.scale) == (0, 0, ACCURACY)
    model.apply_command(germinate("r0c0"))
    model.apply_command(act(LifecycleOp.ADVANCE, "r0c0"))
    train_an_epoch(model, growing.optimizer)
    expected = validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    report = meter.measure(train_loss=1.5)
    assert (report.epoch, report.global_step, report.train_loss) == (1, 3, 1.5)
    assert report.control_accuracy == expected.main.accuracy
    assert report.multiply_adds is None
    seed = model.report().slot("r0c0").seed
    assert seed.contribution == expected.contributions["r0c0"]
    assert (seed.age_epochs, seed.gradient_norm is None, model.epoch) == (1, False, 2)


def test_lower_values_of_the_users_metric_are_more_points():
    model = build_model()
    meter = EpochMeter(
        model, CONTROL, optimizer=lead(model), metric=absolute_error, higher_is_better=False
    )
    assert (meter.scale.name, meter.scale.best) == ("absolute_error", 0.0)
    assert meter.initial.control_accuracy == pytest.approx(0.0)
    outputs = model.eval()(CONTROL.inputs)
    assert meter.scale.worst == pytest.approx(
        absolute_error(outputs, CONTROL.targets).mean().item()
    )


def test_a_share_is_measured_from_nothing_to_all():
    scale = choose_scale(
        build_objective(F.cross_entropy, absolute_error),
        torch.tensor([0.1, 0.4]),
        higher_is_better=True,
        name="share",
    )
    assert (scale.name, scale.worst, scale.best, scale.is_share) == ("share", 0.0, 1.0, True)


def test_a_loss_is_better_when_lower_whatever_was_asked_for():
    objective = build_objective(F.mse_loss)
    scale = choose_scale(objective, torch.tensor([1.0, 3.0]), higher_is_better=True)
    assert (scale.name, scale.worst, scale.best) == ("loss", 2.0, 0.0)


def test_a_metric_that_nothing_can_be_compared_by_is_refused():
    objective = build_objective(F.cross_entropy, lambda outputs, targets: outputs.mean())
    values, _ = judge_network(build_model(), CONTROL, objective)
    with pytest.raises(ConfigError, match=r"at least two batches, got 1 number in all"):
        choose_scale(objective, values, higher_is_better=True)


def test_judging_leaves_the_network_as_it_was():
    model = build_model(build_noisy_host)
    before, generator = copy_state(model), torch.random.get_rng_state()
    values, losses = judge_network(model, CONTROL, CLASSIFICATION)
    assert (len(values), len(losses), model.training) == (50, 50, True)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_no_batches_are_refused():
    with pytest.raises(ConfigError, match="control must hold at least one batch, got none"):
        judge_network(build_model(), [], CLASSIFICATION)


@pytest.mark.parametrize(
    ("values", "higher_is_better", "message"),
    [
        ([20.0, 30.0], True, "metric m must be finite and at most 1 .* from 20 to 30 before"),
        ([-1.0, -3.0], False, "metric m must be finite and positive .* from -3 to -1 before"),
        ([1.0, float("nan")], False, "metric m must be finite and positive"),
    ],
)
def test_values_that_do_not_fit_a_scale_are_refused(values, higher_is_better, message):
    objective = build_objective(F.mse_loss, absolute_error)
    with pytest.raises(ConfigError, match=message):
        choose_scale(objective, torch.tensor(values), higher_is_better=higher_is_better, name="m")

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tamiyo.contracts import ACCURACY, ConfigError, LifecycleConfig, LifecycleOp
from tamiyo.engine import EpochMeter, choose_scale, judge_network, validate
from tamiyo.tasks import CLASSIFICATION, Units, build_objective
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


def choose(values, *, metric=absolute_error, loss=F.mse_loss, higher_is_better=True):
    units = Units(values=torch.tensor(values), weights=torch.ones(len(values)))
    return choose_scale(build_objective(loss, metric), units, higher_is_better=higher_is_better)


def test_a_share_is_measured_from_nothing_to_all():
    scale = choose([0.1, 0.4])
    assert (scale.name, scale.is_share) == ("absolute_error", True)


def test_a_loss_is_better_when_lower_whatever_was_asked_for():
    scale = choose([1.0, 3.0], metric=None)
    assert (scale.name, scale.worst, scale.best) == ("loss", 2.0, 0.0)


def test_a_metric_that_nothing_can_be_compared_by_is_refused():
    objective = build_objective(F.cross_entropy, lambda outputs, targets: outputs.mean())
    values, _ = judge_network(build_model(), CONTROL, objective)
    with pytest.raises(ConfigError, match=r"at least two batches, got 1 number in all"):
        choose_scale(objective, values, higher_is_better=True)


def test_a_seed_that_nobody_would_train_is_refused():
    model = build_model(config=LifecycleConfig(incubate=True))
    growing = lead(model)
    meter = EpochMeter(model, CONTROL, optimizer=growing)
    model.apply_command(germinate("r0c0"))
    model.apply_command(act(LifecycleOp.ADVANCE, "r0c0"))
    with pytest.raises(ConfigError, match=r"seeds must not incubate .* got slot r0c0 in TRAINING"):
        meter.measure()


def test_a_meter_draws_nothing_from_the_global_generator():
    loader = DataLoader(TensorDataset(CONTROL.inputs, CONTROL.targets), 20, shuffle=True)
    model = build_model()
    before = torch.random.get_rng_state()
    meter = EpochMeter(model, loader, optimizer=lead(model))
    assert meter.measure().control_accuracy == meter.initial.control_accuracy
    assert torch.equal(torch.random.get_rng_state(), before)


def test_judging_leaves_the_network_as_it_was():
    model = build_model(build_noisy_host)
    before, generator = copy_state(model), torch.random.get_rng_state()
    values, losses = judge_network(model, CONTROL, CLASSIFICATION)
    assert (len(values.values), len(losses.values), model.training) == (50, 50, True)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_no_batches_are_refused():
    with pytest.raises(ConfigError, match="control must hold at least one batch, got none"):
        judge_network(build_model(), [], CLASSIFICATION)


@pytest.mark.parametrize(
    ("values", "higher_is_better", "message"),
    [
        ([20.0, 30.0], True, "metric absolute_error must be from -1 to 1 .* got 25 before"),
        ([-20.0, -30.0], True, "metric absolute_error must be from -1 to 1 .* got -25 before"),
        ([-1.0, -3.0], False, "metric absolute_error must be positive .* got -2 before"),
        ([1.0, float("nan")], False, "must be positive where lower is better, got nan before"),
    ],
)
def test_values_that_do_not_fit_a_scale_are_refused(values, higher_is_better, message):
    with pytest.raises(ConfigError, match=message):
        choose(values, higher_is_better=higher_is_better)


def test_a_network_without_slots_is_refused():
    model = build_model()
    with pytest.raises(ConfigError, match=r"what tamiyo.attach returned, got Sequential"):
        EpochMeter(model.host, CONTROL, optimizer=lead(model))

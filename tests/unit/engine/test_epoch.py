from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, LifecycleOp
from tamiyo.engine import WorkCounter, read_gradients, train_epoch
from tamiyo.tasks import CLASSIFICATION
from tests.support.tasks import (
    WAIT,
    act,
    build_model,
    build_tiny_data,
    copy_state,
    germinate,
    lead,
    make_member,
)


def run_epoch(model, optimizer=None, batches=None):
    return train_epoch(
        model,
        (optimizer or lead(model)).optimizer,
        build_tiny_data().train_batches(torch.Generator()) if batches is None else batches,
        objective=CLASSIFICATION,
        layers=torch.Generator(),
        shadow=torch.Generator(),
        work=WorkCounter(),
    )


def set_gradients(model, *values):
    """Give the first parameters of the seed in r0c0 one gradient value each."""
    parameters = list(model.seeds["r0c0"].parameters())
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = None if value is None else torch.zeros_like(parameter)
        if value is not None:
            parameter.grad.view(-1)[0] = value


@pytest.mark.requirement("2.4")
def test_global_step_is_the_optimizer_steps_completed(monkeypatch):
    member = make_member()
    counted = []
    adam = member.optimizer.optimizer
    adam_step = adam.step
    monkeypatch.setattr(adam, "step", lambda: counted.append(adam_step()))
    assert (member.initial.epoch, member.initial.global_step) == (0, 0)
    for epoch in range(1, 6):
        measured = member.step(WAIT).measured
        assert (measured.epoch, measured.global_step) == (epoch, 3 * epoch)
        assert measured.global_step == len(counted) == member.global_step
        assert member.epochs_completed == epoch


def test_loss_and_accuracy_are_means_over_samples_not_batches():
    model = build_model()
    batches = list(build_tiny_data().train_batches(torch.Generator()))
    assert [len(targets) for _, targets in batches] == [24, 24, 16]
    frozen = lead(model, learning_rate=1e-30)
    result = run_epoch(model, frozen, batches)
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    outputs = model(inputs)
    assert result.loss == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)
    assert result.value == float((outputs.argmax(dim=1) == targets).double().mean())
    assert result.steps == 3


def test_training_lowers_the_loss():
    member = make_member()
    losses = [member.step(WAIT).measured.train_loss for _ in range(15)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_model_is_left_in_training_mode():
    model = build_model().eval()
    run_epoch(model)
    assert model.training


def test_a_frozen_host_is_left_alone_while_its_seed_learns():
    model = build_model()
    for parameter in model.host.parameters():
        parameter.requires_grad = False
    before = copy_state(model)
    model.apply_command(germinate())
    model.slots["r0c0"].seed.enter(model.slots["r0c0"].seed.stage.TRAINING)
    result = run_epoch(model)
    assert result.gradients["r0c0"].norm > 0
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


def test_a_seed_that_is_not_trained_has_no_gradient_reading():
    member = make_member()
    seed = member.step(germinate()).host.slot("r0c0").seed
    assert (seed.gradient_norm, seed.gradient_health) == (None, None)


def test_gradients_are_read_per_seed_and_their_previous_health_is_kept():
    member = make_member()
    member.step(germinate())
    reports = [
        member.step(command).host.slot("r0c0").seed for command in (act(LifecycleOp.ADVANCE), WAIT)
    ]
    assert reports[1].gradient_norm != reports[0].gradient_norm > 0
    assert reports[1].previous_gradient_health == reports[0].gradient_health
    norms = [p.grad.norm() for p in member.model.seeds["r0c0"].parameters()]
    assert reports[1].gradient_norm == float(torch.stack(norms).norm())


@pytest.mark.parametrize(
    ("values", "norm", "health"),
    [
        ((3.0, 4.0, 1.0, 1.0), math.sqrt(27), 1.0),
        ((3.0, 4.0, 0.0, 0.0), 5.0, 0.75),
        ((0.0, 0.0, 0.0, 0.0), 0.0, 0.5),
        ((12.0, 9.0, 0.0, 0.0), 15.0, 0.55),
        ((24.0, None, None, None), 24.0, 0.2),
        ((math.inf, 1.0, 1.0, 1.0), math.inf, 0.0),
    ],
)
def test_health_falls_with_the_share_of_vanishing_and_exploding_gradients(values, norm, health):
    model = build_model()
    model.apply_command(germinate())
    set_gradients(model, *values)
    reading = read_gradients(model)["r0c0"]
    assert reading.norm == pytest.approx(norm)
    assert reading.health == pytest.approx(health)


def test_a_gradient_that_is_not_a_number_has_no_health():
    model = build_model()
    model.apply_command(germinate())
    set_gradients(model, math.nan, 1.0, 1.0, 1.0)
    reading = read_gradients(model)["r0c0"]
    assert math.isnan(reading.norm)
    assert reading.health == 0.0


def test_fossils_and_seeds_without_gradient_have_no_reading():
    model = build_model()
    model.apply_command(germinate("r0c0"))
    model.apply_command(germinate("r0c1"))
    set_gradients(model, 1.0, 1.0, 1.0, 1.0)
    model.slots["r0c0"].seed.stage = model.slots["r0c0"].seed.stage.FOSSILIZED
    assert read_gradients(model) == {}


def test_an_epoch_without_a_batch_is_refused():
    with pytest.raises(ConfigError, match="must hold at least one batch per epoch, got none"):
        run_epoch(build_model(), batches=[])

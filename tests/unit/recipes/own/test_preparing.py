from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import StepLR

import tamiyo.recipes.lockstep
from tamiyo.contracts import ConfigError, InvariantError, NullSink
from tamiyo.engine import EngineConfig
from tamiyo.recipes.own.preparing import (
    GrowSettings,
    OwnRun,
    build_own_config,
    build_own_trainee,
    choose_slots,
    copy_before_training,
    describe_own_task,
    load_own_data,
)
from tests.support.tasks import SLOTS, build_tiny_data, build_tiny_host, refuse_engine

SGD = partial(torch.optim.SGD, lr=0.1)
SETTINGS = GrowSettings(closing_epochs=2, engine=EngineConfig(max_parameters=400))


def load(**options):
    tiny = build_tiny_data()
    given = {"train": [next(iter(tiny.control))], "control": tiny.control, "test": None}
    return load_own_data(**(given | options), loss=F.cross_entropy, metric=None)


def describe(epochs=9):
    return describe_own_task(build_tiny_host(), load(), epochs, SETTINGS, higher_is_better=True)


def prepare(**options):
    task = describe()
    given = {
        "config": build_own_config(task, "wait-only", 0, None, SETTINGS),
        "task": task,
        "data": load(),
        "slots": SLOTS,
        "build": partial(build_own_trainee, build_tiny_host(), SGD, None),
        "build_twin": None,
    }
    return OwnRun(**(given | options))


def test_a_task_says_what_was_measured_and_leaves_unknown_what_was_not():
    task = describe()
    assert task.name == "Sequential"
    assert task.initial_loss == pytest.approx(1.1, abs=0.3)
    assert (task.max_epochs, task.closing_epochs) == (9, 2)
    assert (task.batch_size, task.batches_per_epoch, task.learning_rate) == (None, None, None)


def test_a_budget_given_goes_before_that_of_the_settings():
    task = describe()
    build = partial(build_own_config, task, "wait-only", 3)
    assert build(None, SETTINGS).engine.max_parameters == 400
    assert build(200, SETTINGS).engine.max_parameters == 200
    assert (build(None, SETTINGS).seed, build(None, SETTINGS).epochs) == (3, 9)


def test_a_controller_of_the_users_is_recorded_by_its_name():
    class Mine:
        name = "mine"

        def decide(self, signals, host):
            raise NotImplementedError

    assert build_own_config(describe(), Mine(), 0, None, SETTINGS).controller == "mine"


def test_optimizer_and_scheduler_may_be_given_or_built():
    model = nn.Linear(2, 2)
    optimizer = SGD(model.parameters())
    assert build_own_trainee(model, optimizer, None).optimizer is optimizer
    trainee = build_own_trainee(model, SGD, partial(StepLR, step_size=1, gamma=0.5))
    trainee.optimizer.step()
    trainee.finish_epoch(1.0)
    assert trainee.optimizer.param_groups[0]["lr"] == 0.05


def test_only_what_can_be_trained_is_given_to_what_builds_an_optimizer():
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(requires_grad=False)
    (group,) = build_own_trainee(model, SGD, None).optimizer.param_groups
    assert group["params"] == [model.weight]


def test_a_twin_is_a_copy_of_before():
    model = build_tiny_host()
    build = copy_before_training(model, SGD, None)
    before = model.block1[0].weight.detach().clone()
    with torch.no_grad():
        model.block1[0].weight.zero_()
    assert torch.equal(build().network.block1[0].weight, before)


def test_slots_are_proposed_only_where_none_are_named():
    assert choose_slots(build_tiny_host(), ["block1"], load()) == ["block1"]
    assert set(choose_slots(build_tiny_host(), None, load()).values()) <= {
        "block1", "block2", "pool", "block1.1", "block2.1",
    }  # fmt: skip


def test_the_configuration_names_the_slots():
    assert prepare().encode()["slots"] == SLOTS


def test_a_refused_engine_leaves_the_optimizer_as_it_was(monkeypatch):
    host = build_tiny_host()
    optimizer = SGD(host.parameters())
    run = prepare(build=partial(build_own_trainee, host, optimizer, None))
    monkeypatch.setattr(tamiyo.recipes.lockstep, "build_population", refuse_engine)
    with pytest.raises(ConfigError, match="got batched"):
        run.begin(sink=NullSink(), controller=None)
    assert not optimizer._optimizer_step_pre_hooks
    assert optimizer.param_groups[0]["params"] == list(host.parameters())


def test_a_twin_that_was_not_asked_for_cannot_begin():
    with pytest.raises(InvariantError, match="got no copy of the model"):
        prepare().begin_twin(sink=NullSink())


def test_a_loss_that_is_no_positive_number_is_refused():
    data = load_own_data(
        [(torch.ones(2, 1, 6, 6), torch.zeros(2))],
        [(torch.ones(2, 1, 6, 6), torch.zeros(2))],
        None,
        lambda outputs, targets: outputs.mean() * 0 - 1,
        None,
    )
    with pytest.raises(ConfigError, match=r"loss on control must be a positive .* got -1"):
        describe_own_task(build_tiny_host(), data, 9, SETTINGS, higher_is_better=True)


@pytest.mark.parametrize("controller", [3, nn.Linear(1, 1)])
def test_what_cannot_decide_is_no_controller(controller):
    with pytest.raises(ConfigError, match="controller must be a name or have a name and a decide"):
        build_own_config(describe(), controller, 0, None, SETTINGS)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("adam", "optimizer must be a PyTorch Optimizer or a function .* got 'adam'$"),
        (lambda parameters: None, "optimizer must be a PyTorch .* that built None"),
    ],
)
def test_what_is_no_optimizer_and_builds_none_is_refused(optimizer, message):
    with pytest.raises(ConfigError, match=message):
        build_own_trainee(nn.Linear(2, 2), optimizer, None)


def test_a_scheduler_of_another_optimizer_is_refused():
    model = nn.Linear(2, 2)
    foreign = StepLR(SGD(model.parameters()), step_size=1)
    with pytest.raises(ConfigError, match="scheduler must be of the optimizer that trains"):
        build_own_trainee(model, SGD(model.parameters()), foreign)
    with pytest.raises(
        ConfigError, match=r"scheduler must be a PyTorch LRScheduler .* got 'cosine'"
    ):
        build_own_trainee(model, SGD, "cosine")


def test_epochs_that_are_no_whole_number_are_refused():
    with pytest.raises(ConfigError, match=r"epochs must be a whole number, got 2.5"):
        describe(epochs=2.5)

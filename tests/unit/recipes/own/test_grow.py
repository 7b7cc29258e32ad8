from __future__ import annotations

import copy
import json
import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

from tamiyo.contracts import (
    Blueprint,
    ConfigError,
    LifecycleConfig,
    LifecycleOp,
    SeedStage,
    SlotIdError,
    TamiyoDecision,
    derive_seed,
)
from tamiyo.engine import EngineConfig
from tamiyo.model import drawing_from
from tamiyo.recipes import GrowSettings, RecordedController, grow, load_network
from tests.support.tasks import EAGER, ListSink

SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9)
SETTINGS = GrowSettings(closing_epochs=2, engine=EngineConfig(lifecycle=EAGER))


class Planter:
    """Plants a seed in the first slot, leads it on as fast as it may go, and commits it."""

    name = "planter"

    def __init__(self, blueprint=Blueprint.MLP_SMALL):
        self.blueprint = blueprint

    def decide(self, signals, host):
        slot = host.slots[0]
        if slot.stage is None:
            return TamiyoDecision(
                op=LifecycleOp.GERMINATE, slot_id=slot.slot_id, blueprint=self.blueprint
            )
        if slot.stage == SeedStage.FOSSILIZED or not slot.seed.gate.passed:
            return TamiyoDecision()
        op = LifecycleOp.FOSSILIZE if slot.stage == SeedStage.HOLDING else LifecycleOp.ADVANCE
        return TamiyoDecision(op=op, slot_id=slot.slot_id)


def build_host(seed=0):
    with drawing_from(torch.Generator().manual_seed(seed)):
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.1), nn.Linear(6, 1))


def build_batches(size, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, 4, generator=generator)
    targets = (inputs[:, :2].sin().sum(dim=1, keepdim=True) * inputs[:, 2:3]).float()
    return DataLoader(TensorDataset(inputs, targets), batch_size=16, shuffle=True)


TRAIN, CONTROL, TEST = (build_batches(size, seed) for seed, size in enumerate((64, 40, 40)))


def grow_regressor(host=None, **options):
    given = {
        "train": TRAIN,
        "control": CONTROL,
        "epochs": 9,
        "slots": ["1"],
        "loss": F.mse_loss,
        "optimizer": SGD,
        "controller": Planter(),
        "settings": SETTINGS,
        "progress": False,
    }
    return grow(build_host() if host is None else host, **(given | options))


def state_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def is_equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_regressor_grows_and_leaves_a_plain_network():
    grown = grow_regressor(test=TEST)
    (fossil,) = grown.record.fossils
    assert fossil.blueprint == Blueprint.MLP_SMALL
    assert grown.result.parameters == sum(p.numel() for p in grown.network.parameters())
    assert grown.result.test_accuracy > grown.record.initial.control_accuracy == pytest.approx(0)
    assert not grown.network.training
    assert (grown.record.metric.name, grown.record.metric.best) == ("loss", 0.0)


def test_a_model_is_grown_again_from_its_event_log(tmp_path):
    first = grow_regressor(out=tmp_path / "run")
    recorded = RecordedController.from_run(tmp_path / "run")
    again = grow_regressor(controller=recorded)
    assert recorded.name == again.record.controller == "planter"
    assert is_equal(state_of(first.network), state_of(again.network))


def test_the_same_seed_gives_the_same_bytes_whatever_the_global_generator_holds():
    first = grow_regressor()
    torch.rand(5)
    second = grow_regressor()
    assert is_equal(state_of(first.network), state_of(second.network))
    third = grow_regressor(seed=1)
    assert not is_equal(state_of(first.network), state_of(third.network))


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    grow_regressor(epochs=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_model_is_trained_in_place_and_keeps_its_structure():
    host = build_host()
    before, names = state_of(host), [name for name, _ in host.named_modules()]
    grown = grow_regressor(host)
    assert [name for name, _ in host.named_modules()] == names
    assert not is_equal(before, state_of(host))
    assert grown.model.host is host


def test_a_model_that_never_grows_trains_as_in_a_plain_loop():
    host, plain = build_host(), build_host()
    grow_regressor(host, controller="wait-only", epochs=4, train=list(TRAIN_LIST), seed=3)
    optimizer = SGD(plain.parameters())
    with drawing_from(find_layers_generator(seed=3)):
        for _ in range(4):
            for inputs, targets in TRAIN_LIST:
                optimizer.zero_grad()
                F.mse_loss(plain(inputs), targets).backward()
                optimizer.step()
    assert is_equal(state_of(host), state_of(plain))


TRAIN_LIST = [tuple(batch) for batch in TRAIN]


def find_layers_generator(seed):
    return torch.Generator().manual_seed(derive_seed(seed, 0, "layers"))


def test_the_budget_is_kept():
    host_parameters = sum(p.numel() for p in build_host().parameters())
    grown = grow_regressor(
        max_parameters=host_parameters + 60, controller="random-legal", epochs=14
    )
    assert max(point.parameters for point in grown.record.course) <= host_parameters + 60
    assert grown.result.parameters > host_parameters or not grown.record.fossils


def test_an_optimizer_and_a_scheduler_of_the_users_are_led():
    host = build_host()
    optimizer = torch.optim.AdamW(host.parameters(), lr=1e-2)
    scheduler = CosineAnnealingLR(optimizer, T_max=9)
    grow_regressor(host, optimizer=optimizer, scheduler=scheduler)
    assert scheduler.last_epoch == 9
    (group,) = optimizer.param_groups
    assert group["lr"] == pytest.approx(0, abs=1e-9)
    assert group["params"] == list(host.parameters())


def test_the_optimizer_is_handed_back_whatever_happens():
    class Boom:
        name = "boom"

        def decide(self, signals, host):
            if signals.epoch == 3:
                raise KeyboardInterrupt
            return Planter().decide(signals, host)

    host = build_host()
    optimizer = SGD(host.parameters())
    with pytest.raises(KeyboardInterrupt):
        grow_regressor(host, optimizer=optimizer, controller=Boom())
    assert optimizer.param_groups[0]["params"] == list(host.parameters())
    inputs, targets = next(iter(TRAIN))
    optimizer.zero_grad()
    F.mse_loss(host(inputs), targets).backward()
    optimizer.step()
    assert len(optimizer.state) == len(list(host.parameters()))


def test_a_grown_network_grows_again():
    first = grow_regressor()
    second = grow_regressor(first.network, seed=1)
    assert second.result.parameters > first.result.parameters


def test_a_loss_without_a_gradient_is_refused():
    with pytest.raises(ConfigError, match="loss must have a gradient, got one without"):
        grow_regressor(
            loss=lambda outputs, targets: F.mse_loss(outputs.detach(), targets),
            metric=lambda outputs, targets: (outputs - targets).abs(),
            higher_is_better=False,
        )


def test_a_metric_that_turns_into_no_number_is_rolled_back():
    calls = []

    def failing(outputs, targets):
        calls.append(True)
        errors = (outputs - targets).abs()
        return errors * (math.nan if 12 < len(calls) < 16 else 1.0)

    grown = grow_regressor(metric=failing, higher_is_better=False, controller="wait-only")
    assert any("failing is not finite" in row.reason for row in grown.record.rollbacks)
    assert math.isfinite(grown.result.control_accuracy)


def test_a_plateau_scheduler_is_told_the_control_loss():
    seen = []

    class Watching(ReduceLROnPlateau):
        def step(self, metrics, epoch=None):
            seen.append(metrics)
            super().step(metrics)

    grown = grow_regressor(scheduler=Watching)
    assert seen == [point.control_loss for point in grown.record.course[1:]]


def test_the_twin_is_the_same_model_without_growth():
    grown = grow_regressor(twin=True, epochs=5)
    alone = grow_regressor(controller="wait-only", epochs=5)
    course = tuple(point.control_accuracy for point in alone.record.course)
    assert grown.record.twin.control_accuracies == course


@pytest.mark.parametrize("name", ["optimizer", "scheduler"])
def test_a_twin_needs_what_builds_optimizer_and_scheduler(name):
    host = build_host()
    optimizer = SGD(host.parameters())
    given = {"optimizer": optimizer} if name == "optimizer" else {}
    if name == "scheduler":
        given = {"scheduler": CosineAnnealingLR(optimizer, T_max=3)}
    with pytest.raises(ConfigError, match=f"{name} must be what builds one where twin is true"):
        grow_regressor(host, twin=True, **given)


def test_a_run_folder_holds_the_whole_run(tmp_path):
    grown = grow_regressor(out=tmp_path / "run", test=TEST)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"config.json", "events.jsonl", "export", "result.json"}
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["parameters"] == grown.result.parameters
    inputs = torch.randn(5, 4, generator=torch.Generator())
    with torch.no_grad():
        loaded = load_network(tmp_path / "run", build_host)(inputs)
        assert torch.equal(loaded, grown.network(inputs))


def test_a_result_is_saved_on_its_own(tmp_path):
    grown = grow_regressor()
    grown.save(tmp_path / "new" / "export")
    inputs = torch.randn(5, 4, generator=torch.Generator())
    with torch.no_grad():
        loaded = load_network(tmp_path / "new" / "export", build_host)(inputs)
        assert torch.equal(loaded, grown.network(inputs))


def test_the_table_names_the_seed_and_the_metric():
    table = grow_regressor(twin=True).table
    assert "mlp_small" in table
    assert "loss" in table


def test_slots_are_proposed_where_none_are_named():
    grown = grow_regressor(slots=None, controller="wait-only", epochs=3)
    assert list(grown.model.slots) == sorted(grown.model.slots)
    assert all(slot.path for slot in grown.model.slots.values())


def test_a_metric_of_the_users_is_measured_lower_or_higher():
    def within_half(outputs, targets):
        return (outputs - targets).abs() < 0.5

    def largest_error(outputs, targets):
        return (outputs - targets).abs().max()

    share = grow_regressor(metric=within_half, controller="wait-only", epochs=3)
    assert (share.record.metric.name, share.record.metric.is_share) == ("within_half", True)
    per_batch = grow_regressor(metric=largest_error, higher_is_better=False, epochs=3)
    assert per_batch.record.metric.worst > 0


def test_events_reach_the_users_sink_and_a_stop_ends_the_run():
    sink = ListSink()
    grown = grow_regressor(sink=sink, should_stop=lambda: True)
    assert (grown.record.outcome.interrupted, grown.result.epochs) == (True, 1)
    assert [type(event).__name__ for event in sink.events][:1] == ["RunStarted"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slots": ["9"]}, "got '9'"),
        ({"epochs": 2}, "epochs must be more than the 2 closing epochs .* got 2"),
        ({"max_parameters": 3}, "max_parameters must be at least the host's 37, got 3"),
        ({"loss": lambda outputs, _: outputs.sum() * 0}, "loss on control must be a positive"),
        ({"controller": "clever"}, "controller must be one of .* got 'clever'"),
        ({"control": []}, "control must hold at least one batch"),
        ({"test": []}, "test must hold at least one batch"),
        ({"loss": nn.MSELoss(reduction="none")}, "loss must return a tensor of one number"),
        ({"loss": nn.MSELoss(reduction="sum")}, "loss must be a mean over samples"),
        ({"epochs": "9"}, "epochs must be a whole number, got '9'"),
        ({"optimizer": "adam"}, "optimizer must be a PyTorch Optimizer .* got 'adam'"),
        ({"train": iter(())}, "train must be gone through every epoch"),
    ],
)
def test_what_cannot_work_is_refused_before_training(options, message):
    host = build_host()
    before = copy.deepcopy(state_of(host))
    with pytest.raises((ConfigError, SlotIdError), match=message):
        grow_regressor(host, **options)
    assert is_equal(before, state_of(host))


def test_incubating_seeds_of_a_users_model_learn_on_the_shadow_loss():
    lifecycle = LifecycleConfig(incubate=True)
    settings = GrowSettings(closing_epochs=2, engine=EngineConfig(lifecycle=lifecycle))
    grown = grow_regressor(settings=settings)
    stages = {span.stage for span in grown.record.spans}
    assert SeedStage.TRAINING in stages

"""Membership and state of the user's optimizer while the model grows."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError, InvariantError, SeedStage
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import (
    advance,
    build_model,
    fossilize,
    germinate,
    pass_epoch,
    prune,
    walk_to,
)
from tests.support.optimizers import SHORT, follow, members, train

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "sgd-momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam-fused": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "adam-foreach": lambda p: torch.optim.Adam(
        p, lr=0.01, foreach=True, amsgrad=True, maximize=True
    ),
    "adam-tensor-rate": lambda p: torch.optim.Adam(p, lr=torch.tensor(0.01), foreach=False),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adadelta": torch.optim.Adadelta,
    "adafactor": torch.optim.Adafactor,
    "adagrad": torch.optim.Adagrad,
    "adamax": torch.optim.Adamax,
    "asgd": torch.optim.ASGD,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "rprop": torch.optim.Rprop,
}


def copy_optimizer_state(optimizer):
    return {
        parameter: {key: (value, copy.deepcopy(value)) for key, value in state.items()}
        for parameter, state in optimizer.state.items()
    }


@pytest.mark.parametrize("event", [germinate, fossilize, prune])
@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.requirement("8.2")
def test_growth_touches_no_state_of_what_stays_and_drops_that_of_what_goes(build, event):
    model, optimizer, growing = follow(build, stage=SeedStage.HOLDING)
    before = copy_optimizer_state(optimizer)
    old = set(model.parameters())
    assert event(model, "r0c1" if event is germinate else "r0c0").executed
    growing.sync()
    growing.check_membership()
    staying = old & set(model.parameters())
    assert set(optimizer.state) == staying & set(before)
    for parameter, state in optimizer.state.items():
        for key, (value, expected) in before[parameter].items():
            assert state[key] is value
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(expected))


@pytest.mark.parametrize("seed_factor", [1.0, 0.5])
@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_of_torch_trains_host_seed_and_fossil(build, seed_factor):
    model, optimizer, growing = follow(build, stage=SeedStage.FOSSILIZED, seed_factor=seed_factor)
    walk_to(model, SeedStage.BLENDING, "r0c1")
    growing.sync()
    for module in model.seeds.values():
        nn.init.ones_(module.scale)  # at zero, the body's gradients may be lost in rounding
    before = {p: p.detach().clone() for p in model.parameters()}
    train(model, optimizer, steps=4)
    assert not any(torch.equal(p, before[p]) for p in model.parameters())
    assert set(optimizer.state) <= set(model.parameters())
    assert growing.steps == 7


def test_the_groups_are_the_same_objects_before_and_after_everything():
    model, optimizer, growing = follow()
    groups, params = list(optimizer.param_groups), optimizer.param_groups[0]["params"]
    for change in (germinate, advance, advance, fossilize):
        assert change(model).executed
        pass_epoch(model)
        growing.sync()
        train(model, optimizer)
        assert all(one is two for one, two in zip(optimizer.param_groups, groups, strict=True))
        assert optimizer.param_groups[0]["params"] is params


def test_a_seed_that_the_user_put_in_is_taken_over():
    model = build_model(config=SHORT)
    walk_to(model, SeedStage.BLENDING)
    optimizer = torch.optim.Adam(model.parameters())
    growing = GrowingOptimizer(model, optimizer)
    growing.check_membership()
    prune(model)
    growing.sync()
    assert members(optimizer) == [[id(p) for p in model.host.parameters()]]


def test_a_frozen_host_that_the_optimizer_holds_is_left_alone_while_its_seed_learns():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    model.host.requires_grad_(False)
    growing.sync()
    before = [p.detach().clone() for p in model.host.parameters()]
    scale = model.seeds["r0c0"].scale.detach().clone()
    train(model, optimizer)
    assert all(map(torch.equal, model.host.parameters(), before))
    assert not torch.equal(model.seeds["r0c0"].scale, scale)


@pytest.mark.requirement("8.2")
def test_two_hundred_seeds_leave_nothing_behind():
    model, optimizer, growing = follow()
    before = members(optimizer)
    for _ in range(200):
        assert germinate(model).executed
        growing.sync()
        assert advance(model).executed
        train(model, optimizer, steps=1)
        assert len(optimizer.state) == len(list(model.parameters()))
        assert prune(model).executed
        pass_epoch(model)
        growing.sync()
    growing.check_membership()
    assert members(optimizer) == before
    assert set(optimizer.state) == set(model.host.parameters())


def test_the_state_is_saved_and_loaded_at_the_same_structure():
    model, optimizer, _ = follow(stage=SeedStage.BLENDING)
    saved = copy.deepcopy(optimizer.state_dict())
    weights = copy.deepcopy(model.state_dict())
    train(model, optimizer, steps=5)
    expected = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    optimizer.load_state_dict(saved)
    train(model, optimizer, steps=5)
    assert all(torch.equal(model.state_dict()[name], expected[name]) for name in expected)


def test_a_deep_copy_goes_on_by_itself_and_alike():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    twin_model, twin = copy.deepcopy((model, growing))
    train(model, optimizer, steps=5)
    assert (growing.steps, twin.steps) == (8, 3)
    train(twin_model, twin.optimizer, steps=5)
    assert (growing.steps, twin.steps) == (8, 8)
    prune(twin_model)
    twin.sync()
    growing.check_membership()
    twin.check_membership()
    assert all(map(torch.equal, twin_model.host.parameters(), model.host.parameters()))


class Failing(torch.optim.SGD):
    """Runs out of memory in the middle of a step, when told to."""

    fails = False

    def step(self, closure=None):
        if self.fails:
            message = "out of memory"
            raise RuntimeError(message)
        return super().step(closure)


@pytest.mark.parametrize(
    "recover",
    [
        lambda model, optimizer, growing: growing.sync(),
        lambda model, optimizer, growing: train(model, optimizer, steps=1),
        lambda model, optimizer, growing: optimizer.state_dict(),
    ],
    ids=["sync", "step", "state_dict"],
)
def test_the_groups_are_restored_after_a_step_that_raised(recover):
    model, optimizer, growing = follow(Failing, stage=SeedStage.BLENDING)
    before = members(optimizer)
    optimizer.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        train(model, optimizer, steps=1)
    assert len(optimizer.param_groups) == 2
    optimizer.add_param_group({"params": [late := nn.Parameter(torch.ones(1))]})
    optimizer.fails = False
    recover(model, optimizer, growing)
    assert members(optimizer) == [*before, [id(late)]]


def test_a_checkpoint_can_be_loaded_after_a_step_that_raised():
    model, optimizer, growing = follow(Failing, stage=SeedStage.BLENDING)
    before, saved = members(optimizer), optimizer.state_dict()
    optimizer.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        train(model, optimizer, steps=1)
    optimizer.load_state_dict(saved)
    growing.check_membership()
    assert members(optimizer) == before


def test_clearing_forgets_the_model_and_nothing_else():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    stranger = nn.Parameter(torch.ones(2))
    optimizer.add_param_group({"params": [stranger]})
    stranger.grad = torch.ones(2)
    optimizer.step()
    assert set(optimizer.state) == {*model.parameters(), stranger}
    growing.clear_state()
    assert set(optimizer.state) == {stranger}
    train(model, optimizer)


def leave_out(optimizer):
    optimizer.param_groups[0]["params"].pop()


def double(optimizer):
    optimizer.param_groups[0]["params"].append(optimizer.param_groups[0]["params"][0])


def add_a_stranger(optimizer):
    optimizer.param_groups[0]["params"].append(nn.Parameter(torch.zeros(1)))


@pytest.mark.parametrize(
    ("tamper", "got"),
    [
        (leave_out, "10 memberships of 10 parameters for 11 expected"),
        (double, "12 memberships of 11 parameters for 11 expected"),
        (add_a_stranger, "12 memberships of 12 parameters for 11 expected"),
    ],
)
@pytest.mark.requirement("8.2")
def test_a_tampered_membership_is_found(tamper, got):
    _, optimizer, growing = follow(stage=SeedStage.BLENDING)
    growing.check_membership()
    tamper(optimizer)
    with pytest.raises(InvariantError, match=got):
        growing.check_membership()


def test_a_dead_seed_is_found_before_the_sync():
    model, _, growing = follow(stage=SeedStage.BLENDING)
    prune(model)
    with pytest.raises(InvariantError, match="11 memberships of 11 parameters for 8 expected"):
        growing.check_membership()


def test_a_step_follows_a_changed_structure_by_itself():
    model = build_model(config=SHORT)
    growing = GrowingOptimizer(model, torch.optim.SGD(model.host.parameters(), lr=0.1))
    assert germinate(model).executed
    assert advance(model).executed
    train(model, growing.optimizer, steps=1)
    assert model.seeds["r0c0"].scale.abs().sum() > 0
    growing.check_membership()
    assert prune(model).executed
    train(model, growing.optimizer, steps=1)
    growing.check_membership()
    assert growing.homes() == {}


def test_release_gives_the_optimizer_back_as_it_was():
    model, optimizer, growing = follow(stage=SeedStage.FOSSILIZED)
    walk_to(model, SeedStage.BLENDING, "r0c1")
    train(model, optimizer)
    host = list(model.host.parameters())
    before = {p: optimizer.state[p] for p in host}
    growing.release()
    assert members(optimizer) == [list(map(id, host))]
    assert set(optimizer.state) == set(host)
    assert all(optimizer.state[p] is before[p] for p in host)
    torch.optim.Adam(host).load_state_dict(optimizer.state_dict())


def test_release_after_a_step_that_raised_merges_the_groups():
    model, optimizer, growing = follow(Failing, stage=SeedStage.BLENDING)
    optimizer.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        train(model, optimizer, steps=1)
    growing.release()
    assert members(optimizer) == [[id(p) for p in model.host.parameters()]]


def test_release_takes_names_and_hooks_along():
    model = build_model(config=SHORT)
    optimizer = torch.optim.Adam(model.host.named_parameters())
    handle = optimizer.register_step_post_hook(lambda *_: None)
    growing = GrowingOptimizer(model, optimizer)
    germinate(model)
    growing.sync()
    growing.release()
    names = [name for name, _ in model.host.named_parameters()]
    assert optimizer.param_groups[0]["param_names"] == names
    assert list(handle.hooks_dict_ref()) == [handle.id]


def test_a_released_optimizer_trains_the_bare_host_and_follows_no_more():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    growing.release()
    before = model.host[0].weight.detach().clone()
    train(model, optimizer, network=model.host)
    assert not torch.equal(model.host[0].weight, before)
    assert growing.steps == 3
    optimizer.add_param_group({"params": model.seeds.parameters()})
    growing.release()  # once more: what the user put in since is the user's
    assert len(optimizer.param_groups[1]["params"]) == 3
    with pytest.raises(ConfigError, match="synced once released, got one that was"):
        growing.sync()


def test_a_second_one_for_a_host_is_refused_until_the_first_is_released():
    model = build_model(config=SHORT)
    trunk, head = (torch.optim.SGD(model.host[i].parameters(), lr=0.1) for i in (0, 8))
    first = GrowingOptimizer(model, trunk)
    for rival in (model, build_model(model.host)):
        with pytest.raises(ConfigError, match="one GrowingOptimizer at a time, got a second one"):
            GrowingOptimizer(rival, head)
    first.release()
    GrowingOptimizer(model, head)


def test_one_that_nobody_holds_any_more_does_not_stand_in_the_way():
    model = build_model(config=SHORT)
    gc.disable()
    try:
        for _ in range(3):
            GrowingOptimizer(model, torch.optim.SGD(model.host.parameters(), lr=0.1))
    finally:
        gc.enable()


def test_a_copy_is_led_by_its_own():
    model, _, growing = follow()
    twin_model, twin = copy.deepcopy((model, growing))
    with pytest.raises(ConfigError, match="got a second one"):
        GrowingOptimizer(twin_model, torch.optim.SGD(twin_model.host.parameters()))
    twin.release()
    growing.sync()
    GrowingOptimizer(twin_model, torch.optim.SGD(twin_model.host.parameters()))

"""Membership and state of the user's optimizer while the model grows."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, InvariantError, LifecycleConfig, SeedStage, Style
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import (
    advance,
    build_batch,
    build_host,
    build_model,
    fossilize,
    germinate,
    pass_epoch,
    prune,
    walk_to,
)

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
SHORT = LifecycleConfig(
    incubate=False,
    ramp=False,
    min_prune_age_epochs=0,
    embargo_epochs_after_prune=0,
)
"""Seeds blend at full strength when they advance, and may leave at any time."""


def train(model, optimizer, *, steps=3, network=None):
    for step in range(steps):
        inputs, targets = build_batch(seed=step)
        optimizer.zero_grad()
        F.cross_entropy((network or model)(inputs), targets).backward()
        optimizer.step()


def follow(build=OPTIMIZERS["adam"], *, stage=None, seed_factor=0.5, **options):
    """A model, the user's optimizer and what leads it; given a stage, a trained seed in r0c0."""
    model = build_model(config=SHORT, **options).train()
    optimizer = build(model.host.parameters())
    growing = GrowingOptimizer(model, optimizer, seed_factor=seed_factor)
    if stage is not None:
        walk_to(model, stage)
        growing.sync()
        train(model, optimizer)
    return model, optimizer, growing


def members(optimizer):
    return [[id(p) for p in group["params"]] for group in optimizer.param_groups]


def ids(*modules):
    return [id(p) for module in modules for p in module.parameters()]


def copy_optimizer_state(optimizer):
    return {
        parameter: {key: (value, copy.deepcopy(value)) for key, value in state.items()}
        for parameter, state in optimizer.state.items()
    }


@pytest.mark.parametrize("event", [germinate, fossilize, prune])
@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS)
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


def test_a_group_ends_in_the_seeds_and_fossils_of_its_slots_in_the_order_of_the_slots():
    model = build_model(config=SHORT)
    first, second = list(model.host[:3].parameters()), list(model.host[3:].parameters())
    optimizer = torch.optim.Adam([{"params": first}, {"params": second, "lr": 0.1}])
    growing = GrowingOptimizer(model, optimizer)
    walk_to(model, SeedStage.FOSSILIZED, "r0c1")
    walk_to(model, SeedStage.GERMINATED, "r0c0")
    growing.sync()
    one, two = model.seeds["r0c0"], model.seeds["r0c1"]
    assert members(optimizer) == [ids(model.host[:3], one), ids(model.host[3:], two)]
    assert growing.homes() == {"r0c0-1-norm": 0, "r0c1-1-norm": 1}


@pytest.mark.parametrize(
    ("held", "home"),
    [
        ([["3.weight"], ["4.weight"]], 1),  # the slot's own module
        ([["8.weight"], ["3.weight"], ["0.weight"]], 1),  # the last one before it
        ([["8.bias"], ["8.weight"]], 1),  # the first one after it
    ],
)
def test_a_seed_joins_the_group_of_the_nearest_parameter(held, home):
    model = build_model(config=SHORT, slots={"r0c0": "4"})
    named = dict(model.host.named_parameters())
    groups = [{"params": [named[name] for name in names]} for names in held]
    growing = GrowingOptimizer(model, torch.optim.SGD(groups))
    germinate(model)
    growing.sync()
    growing.check_membership()
    assert growing.homes() == {"r0c0-1-norm": home}


def test_the_users_own_parameters_stay_where_they_are_also_those_added_later():
    model = build_model(config=SHORT)
    stranger, late = (nn.Parameter(torch.ones(2)) for _ in range(2))
    host = [p for p in model.host.parameters() if p is not model.host[8].bias]
    optimizer = torch.optim.Adam([{"params": [stranger]}, {"params": host}])
    growing = GrowingOptimizer(model, optimizer)
    walk_to(model, SeedStage.GERMINATED)
    growing.sync()
    optimizer.add_param_group({"params": [late, model.host[8].bias]})
    walk_to(model, SeedStage.GERMINATED, "r0c1")
    growing.sync()
    growing.check_membership()
    seeds = ids(model.seeds["r0c0"], model.seeds["r0c1"])
    assert members(optimizer)[0] == [id(stranger)]
    assert members(optimizer)[1] == [*map(id, host), *seeds]
    assert members(optimizer)[2] == [id(late), id(model.host[8].bias)]


def test_a_seed_that_the_user_put_in_is_taken_over():
    model = build_model(config=SHORT)
    walk_to(model, SeedStage.BLENDING)
    optimizer = torch.optim.Adam(model.parameters())
    growing = GrowingOptimizer(model, optimizer)
    growing.check_membership()
    prune(model)
    growing.sync()
    assert members(optimizer) == [ids(model.host)]


def test_a_frozen_host_that_the_optimizer_holds_is_left_alone_while_its_seed_learns():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    model.host.requires_grad_(False)
    growing.sync()
    before = [p.detach().clone() for p in model.host.parameters()]
    scale = model.seeds["r0c0"].scale.detach().clone()
    train(model, optimizer)
    assert all(map(torch.equal, model.host.parameters(), before))
    assert not torch.equal(model.seeds["r0c0"].scale, scale)


def test_names_of_parameters_follow_their_parameters():
    model = build_model(config=SHORT)
    optimizer = torch.optim.Adam(model.host.named_parameters())
    growing = GrowingOptimizer(model, optimizer)
    germinate(model)
    growing.sync()
    everything = {id(p): name.removeprefix("host.") for name, p in model.named_parameters()}
    group = optimizer.param_groups[0]
    assert group["param_names"] == [everything[id(p)] for p in group["params"]]
    prune(model)
    growing.sync()
    assert group["param_names"] == [name for name, _ in model.host.named_parameters()]


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
        lambda model, optimizer, growing: growing.release(),
    ],
    ids=["sync", "step", "state_dict", "release"],
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


def test_a_released_optimizer_is_followed_no_more():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    growing.release()
    train(model, optimizer)
    train(model, optimizer, network=model.host)
    assert growing.steps == 3
    growing.release()


@pytest.mark.parametrize(
    ("optimizer", "got"),
    [
        (lambda host: torch.optim.LBFGS(host.parameters()), "got LBFGS, which keeps one flat"),
        (lambda host: torch.optim.SparseAdam(host.parameters()), "SparseAdam, which takes sparse"),
        (lambda host: torch.optim.Muon([host[8].weight]), "got Muon: Muon only supports 2D"),
        (
            lambda host: torch.optim.SGD(build_host().parameters()),
            "SGD that holds none of them: build it from host.parameters",
        ),
    ],
    ids=["LBFGS", "SparseAdam", "Muon", "of-another-host"],
)
def test_an_optimizer_that_cannot_follow_is_refused_before_anything_grows(optimizer, got):
    model = build_model()
    with pytest.raises(ConfigError, match=got):
        GrowingOptimizer(model, optimizer(model.host))


class Peculiar(torch.optim.SGD):
    """Cannot be built from parameters alone."""

    def __init__(self, host):
        super().__init__(host.parameters(), lr=0.01)


def test_an_optimizer_that_is_built_in_its_own_way_is_accepted():
    model = build_model()
    assert GrowingOptimizer(model, Peculiar(model.host)).homes() == {}


@pytest.mark.parametrize("wrap", [False, True])
def test_training_the_host_instead_of_the_model_is_noticed_at_the_first_step(wrap):
    model, optimizer, growing = follow(wrap=wrap)
    walk_to(model, SeedStage.BLENDING)
    growing.sync()
    with pytest.raises(
        ConfigError, match="not with the host, got no gradient for seed r0c0-1-norm"
    ):
        train(model, optimizer, network=model.host)
    assert growing.steps == 1
    assert len(optimizer.param_groups) == 1


def test_it_is_noticed_where_the_nearest_parameter_is_frozen():
    model, optimizer, growing = follow()
    walk_to(model, SeedStage.BLENDING)
    model.host[1].requires_grad_(False)
    growing.sync()
    with pytest.raises(ConfigError, match="got no gradient for seed r0c0-1-norm"):
        train(model, optimizer, network=model.host)


@pytest.mark.parametrize("style", list(Style))
def test_no_style_of_seed_is_taken_for_a_missing_one_at_birth(style):
    model, optimizer, growing = follow()
    germinate(model, style=style)
    growing.sync()
    train(model, optimizer)
    advance(model)
    growing.sync()
    train(model, optimizer)
    assert growing.steps == 6


def test_seeds_that_get_no_gradient_for_a_reason_are_not_taken_for_missing():
    model, optimizer, growing = follow(stage=SeedStage.BLENDING)
    germinate(model, "r0c1")  # has no influence yet
    model.seeds["r0c0"].requires_grad_(False)
    growing.sync()
    train(model, optimizer)
    model.seeds["r0c0"].requires_grad_(True)
    optimizer.zero_grad()
    F.cross_entropy(model(build_batch()[0]), build_batch()[1]).backward(
        inputs=[*model.host[3:].parameters()]  # a step for the later layers alone
    )
    optimizer.step()
    prune(model)  # and steps between a change and the sync
    train(model, optimizer)
    pass_epoch(model)
    assert germinate(model).executed
    advance(model)
    train(model, optimizer)
    assert growing.steps == 13


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

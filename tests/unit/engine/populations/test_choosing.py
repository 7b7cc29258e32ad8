"""Which engine trains a population, and the reasons it gives."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError
from tamiyo.engine import (
    BatchedPopulation,
    EngineKind,
    SequentialPopulation,
    build_population,
    find_obstacle,
)
from tamiyo.engine.populations import MixedPopulation
from tests.support.tasks import (
    WAIT,
    build_noisy_host,
    build_tiny_data,
    build_tiny_host,
    make_member,
)


def make_members(count=4, host=build_tiny_host):
    data = build_tiny_data()
    return [make_member(host, environment=index, data=data) for index in range(count)]


def replace_block(block):
    """The tiny host with another second block."""

    def build():
        host = build_tiny_host()
        host.block2 = block()
        return host

    return build


def use_optimizer(member, kind, parameters):
    member.trainee = replace(member.trainee, optimizer=kind(parameters, lr=1e-2))


class Mixing(nn.Module):
    """Lets the samples of a batch meet."""

    def forward(self, features):
        return torch.cat([features, features - features.mean(dim=0)], dim=1)


class Drawing(nn.Module):
    """Draws random numbers in code of its own."""

    def forward(self, features):
        noise = torch.rand_like(features[:, :1]) if self.training else 0
        return torch.cat([features, features + noise], dim=1)


def build_large_host():
    return nn.Sequential(
        OrderedDict(
            block1=nn.Sequential(nn.Conv2d(1, 512, 3, padding=1), nn.ReLU()),
            block2=nn.Sequential(nn.Conv2d(512, 256, 3, padding=1), nn.ReLU()),
            pool=nn.AdaptiveAvgPool2d(2),
            head=nn.Sequential(nn.Flatten(), nn.Linear(1024, 3)),
        )
    )


@pytest.mark.parametrize("host", [build_tiny_host, build_noisy_host])
def test_small_hosts_are_trained_as_one_network(host):
    choice = build_population(make_members(host=host), EngineKind.AUTO)
    assert isinstance(choice.population, BatchedPopulation)
    assert choice.kind == EngineKind.BATCHED
    assert "million multiply-adds" in choice.reason
    assert [step.measured.epoch for step in choice.population.step([WAIT] * 4)] == [1] * 4


def test_few_environments_are_trained_one_by_one():
    choice = build_population(make_members(3), EngineKind.AUTO)
    assert isinstance(choice.population, SequentialPopulation)
    assert "fewer than 4 environments" in choice.reason


def test_large_hosts_are_trained_one_by_one_and_still_work():
    members = make_members(host=build_large_host)
    assert members[0].model.host_parameters > 1_000_000
    choice = build_population(members, EngineKind.AUTO)
    assert choice.kind == EngineKind.SEQUENTIAL
    assert "gains little" in choice.reason


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_asked_for_is_done(count):
    for kind in (EngineKind.SEQUENTIAL, EngineKind.BATCHED):
        choice = build_population(make_members(count), kind)
        assert (choice.kind, choice.reason) == (kind, "it was asked for")


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (lambda: nn.Sequential(Mixing(), nn.Conv2d(4, 2, 1)), "samples of a batch meet"),
        (lambda: nn.Sequential(Drawing(), nn.Conv2d(4, 2, 1)), "draws random numbers"),
    ],
)
def test_hosts_that_cannot_run_as_one_are_found_out(block, reason):
    members = make_members(host=replace_block(block))
    assert reason in find_obstacle(members)
    assert build_population(members, EngineKind.AUTO).kind == EngineKind.SEQUENTIAL
    with pytest.raises(ConfigError, match=f"engine must be auto or sequential here.*{reason}"):
        build_population(members, EngineKind.BATCHED)


def test_environments_that_differ_are_trained_one_by_one():
    members = [make_member(environment=0), make_member(environment=1)]
    assert find_obstacle(members) == "environments must share control of their data, got several"
    data = build_tiny_data()
    members = [make_member(data=data), make_member(build_noisy_host, data=data)]
    assert "one structure" in find_obstacle(members)


def test_training_samples_may_differ_where_all_else_of_the_data_is_shared():
    data = build_tiny_data()
    other = build_tiny_data()
    for name in ("control", "test"):
        setattr(other, name, getattr(data, name))
    members = [make_member(data=data), make_member(data=other)]
    assert find_obstacle(members) is None
    other.batches_per_epoch += 1
    assert find_obstacle(members) == (
        "environments must share batches_per_epoch of their data, got several"
    )


def test_hosts_of_two_structures_are_trained_apart_and_the_choice_says_so():
    data = build_tiny_data()
    hosts = [build_tiny_host, build_noisy_host] * 4
    members = [make_member(host, environment=i, data=data) for i, host in enumerate(hosts)]
    choice = build_population(members, EngineKind.AUTO)
    assert isinstance(choice.population, MixedPopulation)
    assert choice.kind == EngineKind.BATCHED
    assert choice.reason.startswith("hosts of 2 structures, each by itself; a step of")
    one_by_one = build_population(members, EngineKind.SEQUENTIAL)
    assert isinstance(one_by_one.population, SequentialPopulation)


def test_hooks_optimizers_and_dtypes_that_rows_do_not_know_are_named():
    hooked = make_members(2)
    hooked[1].model.host.head.register_forward_hook(lambda *_: None)
    assert "hooks" in find_obstacle(hooked)
    averaged = make_members(2)
    for member in averaged:
        use_optimizer(member, torch.optim.RMSprop, list(member.model.host.parameters()))
    assert "Adam, AdamW or SGD, got RMSprop" in find_obstacle(averaged)
    trained = make_members(2)
    trained[0].step(WAIT)
    assert "trained yet" in find_obstacle(trained)
    held = make_members(2)
    for member in held:
        use_optimizer(member, torch.optim.Adam, list(member.model.host.parameters())[1:])
    assert "all parameters of the host" in find_obstacle(held)


def test_finding_out_changes_nothing():
    members = make_members(2, build_noisy_host)
    before = [{k: v.clone() for k, v in m.model.state_dict().items()} for m in members]
    states = [g.get_state() for m in members for g in m.generators.values()]
    assert find_obstacle(members) is None
    for member, state in zip(members, before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in member.model.state_dict().items())
    after = [g.get_state() for m in members for g in m.generators.values()]
    assert all(torch.equal(one, two) for one, two in zip(states, after, strict=True))

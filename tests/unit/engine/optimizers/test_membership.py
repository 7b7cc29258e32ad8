"""Which group a seed joins, and what stands in it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import SeedStage
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import build_model, germinate, prune, walk_to
from tests.support.optimizers import SHORT, members


def ids(*modules):
    return [id(p) for module in modules for p in module.parameters()]


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

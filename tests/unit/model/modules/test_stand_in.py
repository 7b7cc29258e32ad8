"""Stand-ins: the host goes on using its module through them, and they copy and travel whole."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from tamiyo.model.modules import StandIn
from tests.support.hosts import build_batch


class Doubled(StandIn):
    """Runs the module and doubles what it puts out."""

    def forward(self, *inputs, **options):
        return 2 * self.host_module(*inputs, **options)


class Curious(nn.Module):
    """A host that looks into its modules rather than only calling them."""

    def __init__(self):
        super().__init__()
        self.stage = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.head = nn.Linear(8, 8)

    def forward(self, inputs):
        features = self.stage(inputs) + self.stage[0].weight.sum() * len(self.stage)
        for layer in self.stage:
            features = layer(features)
        if self.stage and self.head:
            features = features + self.head.in_features
        return self.head(features) + self.head.weight.sum()


class Copied(nn.Linear):
    """A module that copies itself in a way of its own."""

    def __deepcopy__(self, memo):
        return Copied(self.in_features, self.out_features)


def build_curious():
    host = Curious()
    host.stage, host.head = Doubled(host.stage), Doubled(host.head)
    return host


def test_the_host_looks_into_its_module_through_the_stand_in():
    bare = Curious()
    expected = 2 * bare.stage(build_batch()[0])
    host = copy.deepcopy(bare)
    host.stage = Doubled(host.stage)
    assert torch.equal(host.stage(build_batch()[0]), expected)
    assert host.stage[0].in_features == 8
    assert list(host.stage) == list(host.stage.host_module)
    assert torch.isfinite(host(build_batch()[0])).all()


@pytest.mark.parametrize(
    ("module", "truth"),
    [(nn.Linear(2, 2), True), (nn.Sequential(), False), (nn.ModuleList([nn.ReLU()]), True)],
)
def test_a_stand_in_is_as_true_as_its_module(module, truth):
    assert bool(Doubled(module)) is bool(module) is truth


def test_a_dictionary_of_modules_is_still_one():
    stand_in = Doubled(nn.ModuleDict({"a": nn.ReLU()}))
    assert "a" in stand_in
    assert stand_in["a"] is stand_in.host_module["a"]
    assert list(stand_in.items()) == list(stand_in.host_module.items())


@pytest.mark.parametrize("use", [len, iter, lambda stand_in: stand_in[0]])
def test_what_the_module_cannot_do_its_stand_in_cannot_either(use):
    with pytest.raises(TypeError, match="Linear"):
        use(Doubled(nn.Linear(2, 2)))


def test_a_name_nobody_has_is_reported_as_missing_from_the_module():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'nothing'"):
        Doubled(nn.Linear(2, 2)).nothing  # noqa: B018  # the access is what is tested


def test_what_the_host_sets_is_set_on_the_module():
    stand_in = Doubled(nn.Dropout(0.5))
    stand_in.p = 0.0
    stand_in.cache = torch.ones(2)
    assert stand_in.host_module.p == 0.0
    assert "cache" not in vars(stand_in)
    assert torch.equal(stand_in.host_module.cache, torch.ones(2))


def test_a_parameter_the_host_sets_is_registered_once():
    stand_in = Doubled(nn.Linear(2, 2))
    stand_in.weight = nn.Parameter(torch.zeros(2, 2))
    assert list(stand_in.state_dict()) == ["host_module.weight", "host_module.bias"]
    assert not stand_in.host_module.weight.any()


def test_the_mode_is_taken_over_and_follows():
    module = nn.Sequential(nn.ReLU()).eval()
    stand_in = Doubled(module)
    assert not stand_in.training
    stand_in.train()
    assert (stand_in.training, module.training, module[0].training) == (True, True, True)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda host: pickle.loads(pickle.dumps(host))])
def test_a_copy_is_whole_and_shares_nothing(copied):
    host, inputs = build_curious(), build_batch()[0]
    other = copied(host)
    assert torch.equal(other(inputs), host(inputs))
    shared = {id(p) for p in host.parameters()} & {id(p) for p in other.parameters()}
    assert shared == set()


def test_a_module_that_copies_itself_does_not_copy_its_stand_in_away():
    assert type(copy.deepcopy(Doubled(Copied(2, 2)))) is Doubled


def test_the_state_goes_into_another_of_the_same_structure():
    one, other = build_curious(), build_curious()
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(build_batch()[0]), one(build_batch()[0]))
    assert "stage.host_module.0.weight" in one.state_dict()


def test_the_host_is_compiled_without_a_break():
    host, inputs = build_curious(), build_batch()[0]
    compiled = torch.compile(host, backend="eager", fullgraph=True)
    assert torch.equal(compiled(inputs), host(inputs))

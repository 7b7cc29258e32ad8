"""Probing: a host that cannot be grown is refused by name, every other one left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ShapeError, SlotIdError
from tamiyo.model.probing import probe_slots
from tests.support.hosts import SLOTS, Wrapped, build_batch, build_host


class Twice(nn.Module):
    """Runs one module twice, another never, and a third one that returns a pair."""

    def __init__(self):
        super().__init__()
        self.again = nn.Conv2d(1, 1, 1)
        self.never = nn.Conv2d(1, 1, 1)
        self.pair = Pair()

    def forward(self, inputs):
        return self.pair(self.again(self.again(inputs)))[0]


class Pair(nn.Module):
    def forward(self, inputs):
        return inputs, inputs


class Noisy(nn.Module):
    """Draws from the global generator in evaluation mode as well."""

    def forward(self, inputs):
        return inputs + torch.randn_like(inputs)


def probe(host, **paths):
    return probe_slots(host, paths, build_batch()[0])


def test_shapes_come_in_the_order_of_the_pass():
    shapes = probe(build_host(), r0c0="5", r0c1="2")
    assert list(shapes) == ["r0c1", "r0c0"]
    assert shapes["r0c0"].per_sample == (4, 8, 8)


@pytest.mark.parametrize("path", ["9", "", "2.weight", "nothing"])
def test_a_path_that_names_no_module_is_refused(path):
    with pytest.raises(SlotIdError, match=f"slot r0c0 must be a module .*got '{path}'"):
        probe(build_host(), r0c0=path)


def test_two_slots_at_one_module_are_refused():
    with pytest.raises(SlotIdError, match=r"different modules, got .*r0c0.*r0c1"):
        probe(build_host(), r0c0="2", r0c1="2")


def test_two_names_of_one_module_are_one_module():
    host = Wrapped(build_host())
    host.alias = host.net[2]
    with pytest.raises(SlotIdError, match=r"different modules, got .*net\.2.*alias"):
        probe(host, r0c0="net.2", r0c1="alias")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("again", "slot r0c0 must run once per pass, got a second run"),
        ("never", "slot r0c0 must run in every pass, got no run of 'never'"),
        ("pair", "slot r0c0 must be one tensor, got tuple"),
    ],
)
def test_a_module_that_does_not_give_one_tensor_per_pass_is_refused(path, message):
    with pytest.raises(ShapeError, match=message):
        probe(Twice(), r0c0=path)


def test_a_vector_per_sample_is_refused():
    with pytest.raises(ShapeError, match=r"features of slot r0c0 .*got torch.float32 .*\[6, 3\]"):
        probe(build_host(), r0c0="8")


@pytest.mark.parametrize("training", [True, False])
def test_a_host_is_left_as_it_was(training):
    host = build_host().train(training)
    host[1].eval()
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    modes = [module.training for module in host.modules()]
    probe(host, **SLOTS)
    assert all(torch.equal(t, before[name]) for name, t in host.state_dict().items())
    assert [module.training for module in host.modules()] == modes
    assert not any(module._forward_hooks for module in host.modules())


def test_a_refused_host_is_left_as_it_was_too():
    host = Twice().train()
    with pytest.raises(ShapeError, match="got a second run"):
        probe(host, r0c0="again")
    assert host.training
    assert not any(module._forward_hooks for module in host.modules())


def test_a_host_that_draws_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    probe(nn.Sequential(Noisy()), r0c0="0")
    assert torch.equal(before, torch.random.get_rng_state())

"""Taps: they stand in for modules for the length of a block and answer for them."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from tamiyo.model.tap import Site, map_names, tapping
from tests.support.hosts import Wrapped, build_batch, build_host


def build_aliased():
    host = Wrapped(build_host()).eval()
    host.alias = host.net[2]
    return host


def test_every_name_of_a_module_is_known():
    names = map_names(build_aliased())
    assert names["alias"] == names["net.2"] == ("net.2", "alias")
    assert names["net"] == ("net",)


def test_a_tap_works_on_the_output_and_goes_afterwards():
    host = build_aliased()
    before = dict(host.named_modules(remove_duplicate=False))
    expected = host(build_batch()[0])
    with tapping([(Site(host, ("net.2", "alias")), torch.zeros_like)]):
        assert host.alias is host.net[2]
        assert host.alias is not before["alias"]
        assert not torch.equal(host(build_batch()[0]), expected)
    assert dict(host.named_modules(remove_duplicate=False)) == before
    assert torch.equal(host(build_batch()[0]), expected)


def test_a_tap_within_a_tapped_module_works_too():
    host = build_aliased()
    seen = []
    outer, inner = Site(host, ("net",)), Site(host, ("net.2", "alias"))
    taps = [(outer, lambda output: seen.append("net")), (inner, seen.append)]
    with tapping(taps), pytest.raises(TypeError):
        host(build_batch()[0])
    assert len(seen) == 1
    before = [type(module) for module in build_aliased().modules()]
    assert [type(module) for module in host.modules()] == before


def test_a_tap_answers_for_its_module():
    host = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    with tapping([(Site(host, ("0",)), lambda output: output)]):
        assert host[0][0].out_features == 3
        assert len(host[0]) == 2
        assert not isinstance(host[0], nn.Sequential)


def test_taps_go_when_a_block_fails():
    host = build_host()
    with pytest.raises(RuntimeError, match="channels"), tapping([(Site(host, ("2",)), torch.relu)]):
        host(torch.zeros(1, 5, 8, 8))
    assert isinstance(host[2], nn.ReLU)


def test_a_module_that_was_put_in_another_s_place_since_is_tapped():
    host = build_host().eval()
    site = Site(host, ("2",))
    host[2] = nn.Tanh()
    seen = []
    with tapping([(site, lambda output: seen.append(output) or output)]):
        host(build_batch()[0])
    assert isinstance(host[2], nn.Tanh)
    assert seen[0].abs().max() <= 1


def test_a_tap_has_the_mode_of_its_module():
    host = build_host()
    site = Site(host, ("2",))
    for training in (True, False):
        host.train(training)
        with tapping([(site, torch.relu)]):
            assert host[2].training is training


def test_a_tap_forgets_what_it_did():
    host = build_host()
    site = Site(host, ("2",))

    def change(output):
        return output

    watched = weakref.ref(change)
    with tapping([(site, change)]):
        host(build_batch()[0])
    del change
    assert watched() is None

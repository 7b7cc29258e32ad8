from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, LifecycleConfig, LifecycleOp, Style
from tamiyo.engine.batched.network import StackedNetwork
from tamiyo.model import call_host
from tests.support.populations import build_normal_host
from tests.support.tasks import act, build_tiny_data, germinate, make_member, wake

DATA = build_tiny_data()
NUMBERED = {"r0c0": "0", "r0c1": "1", "r0c2": "2"}
INPUTS = DATA.control.inputs[:5]


@pytest.fixture
def members():
    """Two environments with seeds in effect, one without."""
    members = [make_member(environment=environment, data=DATA) for environment in range(3)]
    members[0].begin_epoch(germinate("r0c0", Blueprint.CONV_LIGHT, Style.GATED_GATE))
    members[2].begin_epoch(germinate("r0c2", Blueprint.ATTENTION, Style.LINEAR_MULTIPLY))
    for member, slot_id in ((members[0], "r0c0"), (members[2], "r0c2")):
        wake(member.model)
        member.begin_epoch(act(LifecycleOp.ADVANCE, slot_id))
    return members


def run_alone(member, overrides=None):
    with torch.no_grad():
        member.model.eval()
        return member.model.execution.run_variants(INPUTS, [overrides or {}])[0]


def test_every_network_runs_as_it_does_alone(members):
    network = StackedNetwork(members)
    network.train(is_training=False)
    outputs, captured = network.run(torch.cat([INPUTS] * 3), network.plan(), generators=())
    assert captured == {}
    for member, own in zip(members, outputs.chunk(3), strict=True):
        torch.testing.assert_close(own, run_alone(member), atol=1e-6, rtol=1e-6)


def test_captured_features_are_those_before_the_seeds(members):
    network = StackedNetwork(members)
    inputs = torch.cat([INPUTS] * 3)
    _, captured = network.run(inputs, network.plan(), generators=(), capture=["r0c0"])
    assert list(captured) == ["r0c0"]
    expected = members[0].model.host.block1(INPUTS)
    torch.testing.assert_close(captured["r0c0"].data[0].movedim(-1, 0), expected)


def test_variants_are_run_as_each_environment_runs_them(members):
    network = StackedNetwork(members)
    network.train(is_training=False)
    variants = [[{}, {"r0c0": ()}], [{}], [{"r0c2": ()}, {}, {"r0c2": ()}]]
    with torch.no_grad():
        outputs = iter(network.run_variants(INPUTS, variants))
    for member, several in zip(members, variants, strict=True):
        for overrides in several:
            alone = run_alone(member, overrides)
            torch.testing.assert_close(next(outputs), alone, atol=1e-6, rtol=1e-6)


def test_a_pass_that_resumes_leaves_hosts_as_they_are():
    lifecycle = LifecycleConfig(incubate=True)
    members = [
        make_member(
            build_normal_host, data=DATA, environment=e, slots=NUMBERED, lifecycle=lifecycle
        )
        for e in range(2)
    ]
    members[1].begin_epoch(germinate("r0c0", Blueprint.CONV_LIGHT))
    members[1].begin_epoch(act(LifecycleOp.ADVANCE, "r0c0"))
    network = StackedNetwork(members)
    network.train(is_training=True)
    inputs = torch.cat([INPUTS] * 2)
    generators = tuple(torch.Generator() for _ in members)
    _, captured = network.run(inputs, network.plan(), generators=generators, capture=["r0c0"])
    statistics = network.hosts.read("0.1.running_mean").clone()
    outputs = network.resume(INPUTS, "r0c0", captured["r0c0"], [1], generators=generators[:1])
    assert torch.equal(network.hosts.read("0.1.running_mean"), statistics)
    leaves = network.hosts.leaves()
    found = torch.autograd.grad(outputs.sum(), leaves, allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in found)
    own = network.seeds["r0c0"].bodies[Blueprint.CONV_LIGHT].bank.leaves()
    assert any(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(outputs.sum(), own))


def test_forgetting_reaches_host_and_seeds(members):
    network = StackedNetwork(members)
    for bank in network.banks():
        bank.steps[: len(bank)] = 3
    network.forget(0)
    assert network.hosts.steps[:3].tolist() == [0, 3, 3]
    left = {tuple(bank.keys): bank.steps[: len(bank)].tolist() for bank in network.banks()}
    assert left[0,] == [0]
    assert left[2,] == [3]


def test_members_read_their_numbers_from_the_network(members):
    network = StackedNetwork(members)
    with torch.no_grad():
        network.hosts.values.zero_()
    assert torch.all(call_host(members[1].model, INPUTS) == 0)

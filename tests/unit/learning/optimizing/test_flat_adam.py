from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.learning.optimizing import FlatAdam
from tamiyo.policy.layers import build_mlp

LONGEST = 0.5


def build_layers() -> nn.Sequential:
    return build_mlp(3, 4, 2, gain=1.0, generator=torch.Generator().manual_seed(0))


def build(network: nn.Module) -> FlatAdam:
    return FlatAdam(list(network.parameters()), learning_rate=0.1, eps=1e-5)


def compute_loss(network: nn.Module, step: int) -> torch.Tensor:
    inputs = torch.linspace(-1, 1, 15).view(5, 3) + step
    return network(inputs).square().sum()


def improve(network, optimizer, steps, first=0):
    norms = []
    for step in range(first, first + steps):
        optimizer.zero_grad()
        compute_loss(network, step).backward()
        norms.append(optimizer.clip_gradient(LONGEST))
        optimizer.step()
    return torch.stack(norms)


def improve_plainly(network, steps):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1, eps=1e-5)
    norms = []
    for step in range(steps):
        optimizer.zero_grad()
        compute_loss(network, step).backward()
        norms.append(nn.utils.clip_grad_norm_(network.parameters(), LONGEST))
        optimizer.step()
    return torch.stack(norms), optimizer


def test_steps_and_norms_are_those_of_adam_with_clipping():
    ours, theirs = build_layers(), build_layers()
    norms = improve(ours, build(ours), steps=5)
    expected, _ = improve_plainly(theirs, steps=5)
    torch.testing.assert_close(norms, expected)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    assert norms.min() > LONGEST


def test_a_short_gradient_is_left_alone():
    network = build_layers()
    optimizer = build(network)
    compute_loss(network, 0).backward()
    optimizer.gradient.copy_(torch.linspace(0, 1e-2, len(optimizer.gradient)))
    before = optimizer.gradient.clone()
    optimizer.clip_gradient(LONGEST)
    assert torch.equal(optimizer.gradient, before)


def test_a_parameter_that_the_loss_does_not_reach_stays_as_it_is():
    network = build_layers()
    idle = nn.Parameter(torch.ones(3))
    optimizer = FlatAdam([*network.parameters(), idle], learning_rate=0.1, eps=1e-5)
    improve(network, optimizer, steps=3)
    assert torch.equal(idle, torch.ones(3))


def test_state_is_saved_by_parameter_as_adam_saves_it():
    ours, theirs = build_layers(), build_layers()
    optimizer = build(ours)
    assert optimizer.state_dict()["state"] == {}
    improve(ours, optimizer, steps=3)
    _, plain = improve_plainly(theirs, steps=3)
    torch.testing.assert_close(optimizer.state_dict()["state"], plain.state_dict()["state"])


def test_one_group_of_tensors_names_each_by_the_position_of_its_parameter():
    network = build_layers()
    optimizer = build(network)
    assert optimizer.flat_state_dict() == {}
    improve(network, optimizer, steps=1)
    tensors = optimizer.flat_state_dict()
    assert len(tensors) == 3 * len(list(network.parameters()))
    assert torch.equal(tensors["1/exp_avg"], optimizer.state_dict()["state"][1]["exp_avg"])


@pytest.mark.parametrize("flat", [False, True])
def test_training_goes_on_from_a_saved_state_as_if_it_had_never_stopped(flat):
    whole, first = build_layers(), build_layers()
    improve(whole, build(whole), steps=6)
    optimizer = build(first)
    improve(first, optimizer, steps=3)
    second = build_layers()
    resumed = build(second)
    second.load_state_dict(first.state_dict())
    if flat:
        resumed.load_flat_state_dict(optimizer.flat_state_dict())
    else:
        resumed.load_state_dict(optimizer.state_dict())
    improve(second, resumed, steps=3, first=3)
    assert all(map(torch.equal, second.parameters(), whole.parameters()))


def test_neighbors_are_found_in_the_gradient_and_others_refused():
    network = build_layers()
    optimizer = build(network)
    optimizer.zero_grad()
    compute_loss(network, 0).backward()
    parameters = list(network.parameters())
    span = optimizer.find_span(parameters[1:3])
    expected = torch.cat([parameter.grad.flatten() for parameter in parameters[1:3]])
    assert torch.equal(optimizer.gradient[span], expected)
    with pytest.raises(AssertionError, match="parameters must be neighbors"):
        optimizer.find_span([parameters[0], parameters[2]])

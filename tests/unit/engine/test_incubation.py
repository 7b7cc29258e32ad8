"""What an incubating seed does to its environment, nothing, and to itself: it learns."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tamiyo.contracts import Blueprint, LifecycleConfig, LifecycleOp, Style
from tamiyo.engine import WorkCounter, train_epoch
from tamiyo.tasks import CLASSIFICATION
from tests.support.tasks import (
    WAIT,
    act,
    build_model,
    build_noisy_host,
    build_tiny_data,
    build_tiny_host,
    copy_state,
    germinate,
    lead,
    make_member,
)

INCUBATE = LifecycleConfig(incubate=True, min_prune_age_epochs=0)
TRAINABLE = [
    Blueprint.CONV_LIGHT,
    Blueprint.ATTENTION,
    Blueprint.NORM,
    Blueprint.DEPTHWISE,
    Blueprint.BOTTLENECK,
    Blueprint.CONV_SMALL,
    Blueprint.CONV_HEAVY,
]


def incubate(model, *slot_ids, **seed):
    for slot_id in slot_ids:
        assert model.apply_command(germinate(slot_id, **seed)).executed
        assert model.apply_command(act(LifecycleOp.ADVANCE, slot_id)).executed


def train(model, optimizer, batches):
    return train_epoch(
        model,
        optimizer.optimizer,
        batches,
        objective=CLASSIFICATION,
        layers=torch.Generator(),
        shadow=torch.Generator(),
        work=WorkCounter(),
    )


def shadow_loss(model, inputs, targets):
    with torch.no_grad():
        outputs = model.execution.run_variants(inputs, [model.shadow_overrides()])[0]
        return F.cross_entropy(outputs, targets).item()


@pytest.mark.parametrize("slot_id", ["r0c0", "r0c1", "r0c2"])
@pytest.mark.parametrize("host", [build_tiny_host, build_noisy_host])
def test_an_incubating_seed_leaves_its_environment_bit_equal(host, slot_id):
    alone, grown = (make_member(host, lifecycle=INCUBATE) for _ in range(2))
    commands = [germinate(slot_id), act(LifecycleOp.ADVANCE, slot_id), *[WAIT] * 4]
    for command in commands:
        expected = alone.step(WAIT).measured
        measured = grown.step(command).measured
        assert measured.train_loss == expected.train_loss
        assert measured.control_loss == expected.control_loss
    assert float(grown.model.seeds[slot_id].scale.detach().abs().max()) > 0
    ours, theirs = grown.model.host.state_dict(), alone.model.host.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("purpose", ["host", "data", "layers"])
def test_an_incubating_seed_leaves_the_generators_of_the_host_alone(purpose):
    alone, grown = (make_member(build_noisy_host, lifecycle=INCUBATE) for _ in range(2))
    for command in (germinate(), act(LifecycleOp.ADVANCE), WAIT):
        alone.step(WAIT)
        grown.step(command)
    states = [member.generators[purpose].get_state() for member in (alone, grown)]
    assert torch.equal(*states)


@pytest.mark.parametrize("whole", [False, True])
def test_an_incubating_seed_leaves_a_whole_pass_host_alone(whole):
    alone, grown = (build_model(build_noisy_host, config=INCUBATE, whole=whole) for _ in range(2))
    incubate(grown, "r0c1")
    for model in (alone, grown):
        optimizer = lead(model)
        train(model, optimizer, list(build_tiny_data().train_batches(torch.Generator())))
    assert copy_state(grown.host).keys() == copy_state(alone.host).keys()
    for ours, theirs in zip(
        grown.host.state_dict().values(), alone.host.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("style", list(Style))
def test_whole_passes_give_a_seed_the_gradient_that_segments_give(style):
    batch = next(build_tiny_data().train_batches(torch.Generator()))
    gradients = []
    for whole in (False, True):
        model = build_model(config=INCUBATE, whole=whole)
        incubate(model, "r0c1", style=style)
        train(model, lead(model), [batch])
        gradients.append([p.grad for p in model.seeds["r0c1"].parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


@pytest.mark.parametrize("blueprint", TRAINABLE)
def test_the_shadow_loss_of_a_fixed_batch_falls(blueprint):
    model = build_model(config=INCUBATE)
    incubate(model, "r0c1", blueprint=blueprint)
    batch = next(build_tiny_data(64).train_batches(torch.Generator()))
    for parameter in model.host.parameters():
        parameter.requires_grad = False
    optimizer = lead(model)
    before = shadow_loss(model, *batch)
    train(model, optimizer, [batch] * 120)
    assert shadow_loss(model, *batch) < before - 0.02


def test_two_incubating_seeds_learn_in_one_pass():
    model = build_model(config=INCUBATE)
    incubate(model, "r0c0", "r0c2")
    passes = []
    resume = model.execution.resume
    model.execution.resume = lambda *inputs: passes.append(inputs[1]) or resume(*inputs)
    batch = next(build_tiny_data().train_batches(torch.Generator()))
    optimizer = lead(model)
    result = train(model, optimizer, [batch])
    assert passes == ["r0c0"]
    assert result.gradients["r0c0"].norm > 0
    assert result.gradients["r0c2"].norm > 0


def test_the_gradient_of_a_seed_is_that_of_the_composition_written_by_hand():
    model = build_model(config=INCUBATE)
    incubate(model, "r0c1")
    seed = model.seeds["r0c1"]
    torch.nn.init.constant_(seed.scale, 0.3)
    inputs, targets = next(build_tiny_data().train_batches(torch.Generator()))
    host = model.host
    features = host.block2(host.block1(inputs)).detach()
    composed = features + 1.0 * (seed.scale * seed.body(features))
    loss = F.cross_entropy(host.head(host.pool(composed)), targets)
    expected = torch.autograd.grad(loss, list(seed.parameters()))
    train(model, lead(model), [(inputs, targets)])
    for parameter, gradient in zip(seed.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-8)


def test_an_incubating_seed_trains_in_the_presence_of_the_blended_ones():
    model = build_model()
    incubate(model, "r0c0")  # goes on to blending, at full strength
    model.apply_command(germinate("r0c1"))
    seed = model.slots["r0c1"].seed
    seed.enter(seed.stage.TRAINING)
    torch.nn.init.constant_(model.seeds["r0c0"].scale, 0.5)
    batch = next(build_tiny_data().train_batches(torch.Generator()))
    both = shadow_loss(model, *batch)
    torch.nn.init.constant_(model.seeds["r0c0"].scale, 0.0)
    assert shadow_loss(model, *batch) != both
    optimizer = lead(model)
    assert set(train(model, optimizer, [batch]).gradients) == {"r0c0", "r0c1"}

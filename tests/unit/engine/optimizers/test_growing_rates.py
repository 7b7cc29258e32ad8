"""Schedulers and groups go on as if nothing grew, and seeds follow them at their own factor."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler

from tamiyo.contracts import SeedStage
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
from tests.support.optimizers import SHORT, members

SCHEDULERS = {
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10),
    "step": lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.5),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "one-cycle": lambda o: lr_scheduler.OneCycleLR(
        o, max_lr=[0.1, 0.2], total_steps=12, cycle_momentum=False
    ),
    "cyclic": lambda o: lr_scheduler.CyclicLR(
        o, base_lr=[0.01, 0.02], max_lr=[0.1, 0.2], step_size_up=3, cycle_momentum=False
    ),
    "warm-restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=4),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    "sequential": lambda o: lr_scheduler.SequentialLR(
        o,
        [
            lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=4),
            lr_scheduler.ExponentialLR(o, gamma=0.9),
        ],
        milestones=[4],
    ),
}
GROWTH = {
    1: germinate,
    2: advance,
    4: lambda model: germinate(model, "r0c1"),
    5: advance,
    6: fossilize,
    8: lambda model: prune(model, "r0c1"),
}


class Recording(torch.optim.SGD):
    """Notes rate, weight decay and number of parameters of every group it steps with."""

    def step(self, closure=None):
        self.noted = [(g["lr"], g["weight_decay"], len(g["params"])) for g in self.param_groups]
        return super().step(closure)


def split_in_two(host, build=torch.optim.SGD):
    """Trunk and head, with rates and weight decays of their own; a slot in each."""
    return build(
        [
            {"params": list(host[:3].parameters()), "lr": 0.05, "weight_decay": 0.01},
            {"params": list(host[3:].parameters()), "lr": 0.2},
        ]
    )


def backward(network, optimizer):
    inputs, targets = build_batch()
    optimizer.zero_grad()
    F.cross_entropy(network(inputs), targets).backward()


def list_rates(network, optimizer, scheduler, epochs=11, after_epoch=lambda epoch: None):
    """Learning rates of the groups after every epoch of one step."""
    rates = []
    for epoch in range(epochs):
        backward(network, optimizer)
        optimizer.step()
        plateau = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)
        scheduler.step(*([1.0] if plateau else []))
        rates.append([group["lr"] for group in optimizer.param_groups])
        after_epoch(epoch)
    return rates


@pytest.mark.parametrize("build", SCHEDULERS.values(), ids=SCHEDULERS)
def test_a_scheduler_gives_the_rates_it_would_give_without_growth(build):
    host, model = build_host(), build_model(config=SHORT)
    plain, grown = split_in_two(host), split_in_two(model.host)
    growing = GrowingOptimizer(model, grown, seed_factor=0.5)

    def grow(epoch):
        assert epoch not in GROWTH or GROWTH[epoch](model).executed
        pass_epoch(model)
        growing.sync()
        growing.check_membership()

    expected, scheduler = list_rates(host, plain, build(plain)), build(grown)
    assert list_rates(model, grown, scheduler, after_epoch=grow) == expected
    assert model.slots["r0c0"].stage == SeedStage.FOSSILIZED


@pytest.mark.parametrize("seed_factor", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("build", SCHEDULERS.values(), ids=SCHEDULERS)
def test_the_step_of_a_seed_is_its_factor_of_the_scheduled_one(build, seed_factor):
    model = build_model(config=SHORT)
    optimizer = split_in_two(model.host)
    growing = GrowingOptimizer(model, optimizer, seed_factor=seed_factor)
    walk_to(model, SeedStage.BLENDING, "r0c1")
    growing.sync()
    list_rates(model, optimizer, build(optimizer), epochs=5)
    scale, bias = model.seeds["r0c1"].scale, model.host[8].bias
    before = [p.detach().clone() for p in (scale, bias)]
    backward(model, optimizer)
    optimizer.step()
    rate = optimizer.param_groups[1]["lr"]
    torch.testing.assert_close(before[0] - scale, rate * seed_factor * scale.grad)
    torch.testing.assert_close(before[1] - bias, rate * bias.grad)


def test_growth_leaves_the_state_of_a_scheduler_alone():
    model = build_model(config=SHORT)
    optimizer = torch.optim.AdamW(model.host.parameters(), lr=0.01)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    for change in (germinate, advance, advance, fossilize):
        list_rates(model, optimizer, scheduler, epochs=2)
        before = dict(scheduler.state_dict())
        assert change(model).executed
        pass_epoch(model)
        growing.sync()
        assert scheduler.state_dict() == before
    assert scheduler.last_epoch == 8


def test_within_a_step_a_seed_stands_apart_with_the_settings_of_its_group():
    model = build_model(config=SHORT)
    optimizer = split_in_two(model.host, Recording)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    walk_to(model, SeedStage.BLENDING)
    walk_to(model, SeedStage.FOSSILIZED, "r0c1")
    growing.sync()
    backward(model, optimizer)
    optimizer.step()
    assert optimizer.noted == [(0.05, 0.01, 3), (0.2, 0, 5 + 3), (0.025, 0.01, 3)]
    assert len(optimizer.param_groups) == 2
    assert growing.steps == 1  # though its hooks were called twice, as its class and SGD have them


def test_a_fossil_learns_at_the_rate_of_its_group():
    model = build_model(config=SHORT)
    optimizer = torch.optim.SGD(model.host.parameters(), lr=0.1)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    walk_to(model, SeedStage.HOLDING)
    fossilize(model)
    growing.sync()
    scale = model.seeds["r0c0"].scale
    before = scale.detach().clone()
    backward(model, optimizer)
    optimizer.step()
    torch.testing.assert_close(before - scale, 0.1 * scale.grad)


def test_a_rate_kept_in_a_tensor_is_followed_and_stays_the_same_tensor():
    model = build_model(config=SHORT)
    rate = torch.tensor(0.1)
    optimizer = torch.optim.SGD(model.host.parameters(), lr=rate)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    walk_to(model, SeedStage.BLENDING)
    growing.sync()
    scale = model.seeds["r0c0"].scale
    before = scale.detach().clone()
    rate.fill_(0.4)
    backward(model, optimizer)
    optimizer.step()
    torch.testing.assert_close(before - scale, 0.2 * scale.grad)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == 0.4


def test_a_closure_is_run_with_everything_in_place():
    model = build_model(config=SHORT)
    optimizer = Recording(model.host.parameters(), lr=0.1)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    walk_to(model, SeedStage.BLENDING)
    growing.sync()

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(build_batch()[0]), build_batch()[1])
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses[-1] < losses[0]
    assert [group[2] for group in optimizer.noted] == [8, 3]


@pytest.mark.parametrize("overflows", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_gradient_scaling_goes_on_with_seeds(fused, overflows):
    model = build_model(config=SHORT)
    optimizer = torch.optim.Adam(model.host.parameters(), lr=0.1, fused=fused)
    growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    walk_to(model, SeedStage.BLENDING)
    growing.sync()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scale = model.seeds["r0c0"].scale
    before = scale.detach().clone()
    scaler.scale(F.cross_entropy(model(build_batch()[0]), build_batch()[1])).backward()
    if overflows:
        scale.grad[0] = torch.inf
    unscaled = scale.grad / 8
    scaler.unscale_(optimizer)
    assert torch.equal(scale.grad, unscaled)
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(scale, before) == overflows


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("kind", ["register_step_pre_hook", "register_step_post_hook"])
def test_step_hooks_of_the_user_see_the_groups_of_the_user(kind, is_early):
    model, seen = build_model(config=SHORT), []
    optimizer = split_in_two(model.host)
    for turn in (True, False):
        if turn == is_early:
            getattr(optimizer, kind)(lambda o, *_: seen.append([len(g) for g in members(o)]))
        else:
            growing = GrowingOptimizer(model, optimizer, seed_factor=0.5)
    backward(model, optimizer)
    optimizer.step()
    walk_to(model, SeedStage.BLENDING)
    growing.sync()
    for _ in range(2):
        backward(model, optimizer)
        optimizer.step()
    assert seen == [[3, 5], [6, 5], [6, 5]]


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("name", sorted(SCHEDULERS.keys() - {"plateau"}))
def test_a_scheduler_may_step_after_every_step_from_a_hook(name, is_early):
    host, model = build_host(), build_model(config=SHORT)
    walk_to(model, SeedStage.BLENDING)
    plain, grown = split_in_two(host), split_in_two(model.host)
    if not is_early:
        GrowingOptimizer(model, grown, seed_factor=0.5)
    for optimizer in (plain, grown):
        scheduler = SCHEDULERS[name](optimizer)
        optimizer.register_step_post_hook(lambda *_, by=scheduler: by.step())
    if is_early:
        GrowingOptimizer(model, grown, seed_factor=0.5)
    for _ in range(6):
        for network, optimizer in ((host, plain), (model, grown)):
            backward(network, optimizer)
            optimizer.step()
        assert [g["lr"] for g in grown.param_groups] == [g["lr"] for g in plain.param_groups]

"""What is refused before anything grows, and a loss that passes the seeds by."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, SeedStage, Style
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import (
    CLASSES,
    advance,
    build_batch,
    build_host,
    build_model,
    germinate,
    pass_epoch,
    prune,
    walk_to,
)
from tests.support.optimizers import follow, train

MISSING = "not with the host, got no gradient for seed r0c0-1-norm"


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


def test_what_is_no_model_or_no_optimizer_is_refused():
    model = build_model()
    optimizer = torch.optim.SGD(model.host.parameters(), lr=0.1)
    with pytest.raises(ConfigError, match="model must be what attach returned, got Sequential"):
        GrowingOptimizer(model.host, optimizer)
    with pytest.raises(ConfigError, match=r"a torch\.optim\.Optimizer, got CosineAnnealingLR"):
        GrowingOptimizer(model, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10))


@pytest.mark.parametrize("seed_factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_not_positive_is_refused(seed_factor):
    with pytest.raises(ConfigError, match=f"seed_factor must be positive, got {seed_factor}"):
        follow(seed_factor=seed_factor)


class Signed(torch.optim.Optimizer):
    """Takes steps of one size and knows no learning rate."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    @torch.no_grad()
    def step(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.sub_(0.01 * parameter.grad.sign())


def test_a_factor_needs_a_learning_rate():
    with pytest.raises(ConfigError, match=r"groups without lr, got 0\.5 for Signed"):
        follow(Signed)
    model, _, _ = follow(Signed, stage=SeedStage.BLENDING, seed_factor=1.0)
    assert model.seeds["r0c0"].scale.abs().sum() > 0


@pytest.mark.parametrize("wrap", [False, True])
def test_training_the_host_instead_of_the_model_is_noticed_at_the_first_step(wrap):
    model, optimizer, growing = follow(wrap=wrap)
    walk_to(model, SeedStage.BLENDING)
    growing.sync()
    with pytest.raises(ConfigError, match=MISSING):
        train(model, optimizer, network=model.host)
    assert growing.steps == 1
    assert len(optimizer.param_groups) == 1


def test_it_is_noticed_where_the_nearest_parameter_is_frozen():
    model, optimizer, growing = follow()
    walk_to(model, SeedStage.BLENDING)
    model.host[1].requires_grad_(False)
    growing.sync()
    with pytest.raises(ConfigError, match=MISSING):
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


def test_an_evaluation_between_the_steps_does_not_hide_it():
    model, optimizer, _ = follow(stage=SeedStage.BLENDING)
    with torch.no_grad():
        model(build_batch()[0])
    with pytest.raises(ConfigError, match=MISSING):
        train(model, optimizer, steps=1, network=model.host)


def test_gradients_of_zero_do_not_hide_it():
    model, optimizer, _ = follow(stage=SeedStage.BLENDING)
    train(model, optimizer, set_to_none=False)
    with pytest.raises(ConfigError, match=MISSING):
        train(model, optimizer, network=model.host, set_to_none=False)


class Skipping(nn.Module):
    """Leaves the module of its slot out when it is told to, as stochastic depth does."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.branch = nn.ReLU()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES))
        self.skips = False

    def forward(self, inputs):
        features = self.first(inputs)
        return self.head(features if self.skips else features + self.branch(features))


@pytest.mark.parametrize("set_to_none", [False, True])
def test_a_slot_that_the_model_itself_passes_by_is_not_taken_for_a_missing_seed(set_to_none):
    model, optimizer, growing = follow(host=Skipping(), slots={"r0c0": "branch"})
    walk_to(model, SeedStage.BLENDING)
    for skips in (True, False, True):
        model.host.skips = skips
        train(model, optimizer, steps=2, set_to_none=set_to_none)
    assert growing.steps == 6


@pytest.mark.parametrize(("part", "channels"), [(slice(6), 1), (slice(3, None), 4)])
def test_a_loss_of_a_part_of_the_host_is_the_users_own_business(part, channels):
    model, optimizer, growing = follow()
    for slot_id in model.slots:
        walk_to(model, SeedStage.BLENDING, slot_id)
    optimizer.zero_grad()
    model.host[part](torch.randn(2, channels, 8, 8)).square().sum().backward()
    optimizer.step()
    assert growing.steps == 1

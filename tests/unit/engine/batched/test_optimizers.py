from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError
from tamiyo.engine.batched.optimizers import RowOptimizer, RowTerms, find_unsupported
from tests.support.stacked import make_bank, seeded

RATES, DECAYS = [0.03, 0.01, 0.03, 0.002], [0.0, 0.1, 0.02, 0.0]
SETTINGS = {
    "adam": (torch.optim.Adam, {}),
    "adam with other betas": (torch.optim.Adam, {"betas": (0.5, 0.9), "eps": 1e-4}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "dampening": (torch.optim.SGD, {"momentum": 0.8, "dampening": 0.3}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}


def build_modules():
    modules = [nn.Linear(5, 3) for _ in RATES]
    for seed, module in enumerate(modules):
        for parameter in module.parameters():
            parameter.data = torch.randn(parameter.shape, generator=seeded(seed))
    return modules


def list_steps(row, step):
    """Rows begin at different steps, and the second pauses."""
    return step >= 4 * row and not (row == 1 and 20 <= step < 30)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS.values(), ids=SETTINGS)
def test_rows_are_stepped_as_pytorch_steps_parameters(kind, settings):
    ours, theirs = build_modules(), build_modules()
    bank = make_bank(ours)
    optimizers = [
        kind(own.parameters(), lr=rate, weight_decay=decay, **settings)
        for own, rate, decay in zip(theirs, RATES, DECAYS, strict=True)
    ]
    rows_optimizer = RowOptimizer.like(optimizers[0])
    for step in range(50):
        rows = [row for row in range(len(RATES)) if list_steps(row, step)]
        gradients = [torch.randn(leaf.shape, generator=seeded(step)) for leaf in bank.leaves()]
        bank.take_gradients(gradients, is_first=True)
        rates, decays = ([numbers[row] for row in rows] for numbers in (RATES, DECAYS))
        rows_optimizer.plan(bank, RowTerms(rows=rows, rates=rates, decays=decays)).run()
        for row in rows:
            for parameter, gradient in zip(theirs[row].parameters(), gradients, strict=True):
                parameter.grad = gradient[row].clone()
            optimizers[row].step()
    for one, two in zip(ours, theirs, strict=True):
        for pair in zip(one.parameters(), two.parameters(), strict=True):
            torch.testing.assert_close(*pair, atol=1e-6, rtol=1e-6)


def test_rows_that_are_left_out_keep_everything():
    bank = make_bank(build_modules())
    bank.take_gradients([torch.ones_like(leaf) for leaf in bank.leaves()], is_first=True)
    optimizer = RowOptimizer.like(torch.optim.Adam([nn.Parameter(torch.zeros(1))]))
    everyone = RowTerms(rows=range(4), rates=[0.1] * 4, decays=[0] * 4)
    optimizer.plan(bank, everyone).run()
    before = bank.values.clone(), bank.moments["mean"].clone()
    optimizer.plan(bank, RowTerms(rows=[0, 3], rates=[0.1] * 2, decays=[0] * 2)).run()
    assert torch.equal(bank.values[1:3], before[0][1:3])
    assert torch.equal(bank.moments["mean"][1:3], before[1][1:3])
    assert bank.steps[:4].tolist() == [2, 1, 1, 2]
    assert not torch.equal(bank.values[0], before[0][0])


def test_a_plan_serves_many_steps():
    bank = make_bank(build_modules())
    bank.take_gradients([torch.ones_like(leaf) for leaf in bank.leaves()], is_first=True)
    momentum = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1, momentum=0.5)
    before = bank.values[0, 0].item()
    plan = RowOptimizer.like(momentum).plan(bank, RowTerms(rows=[0], rates=[1.0], decays=[0.0]))
    plan.run()
    plan.run()
    assert bank.values[0, 0].item() == pytest.approx(before - 1 - 1.5)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda p: torch.optim.RMSprop([p]), "must be Adam, AdamW or SGD, got RMSprop"),
        (lambda p: torch.optim.Adam([p], amsgrad=True), "must not use amsgrad"),
        (lambda p: torch.optim.SGD([p], maximize=True), "must not use maximize"),
        (
            lambda p: torch.optim.Adam([{"params": [p]}, {"params": [nn.Parameter(p.clone())]}]),
            "must have one group, got 2",
        ),
    ],
)
def test_an_optimizer_that_rows_cannot_follow_is_named(build, reason):
    optimizer = build(nn.Parameter(torch.zeros(1)))
    assert reason in find_unsupported(optimizer)
    with pytest.raises(ConfigError, match=reason):
        RowOptimizer.like(optimizer)


def test_a_supported_optimizer_has_nothing_against_it():
    assert find_unsupported(torch.optim.Adam([nn.Parameter(torch.zeros(1))], fused=True)) is None

"""Seeds come and go: everything is counted, and what stays is seen."""

from __future__ import annotations

import torch
from torch import nn

from tamiyo.checks.evidence import cycling, run_cycles
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import SLOTS, build_batch, build_host


def cycle(count=6):
    return run_cycles(build_host(), SLOTS, build_batch()[0], count=count, seed=0)


def test_nothing_stays_when_seeds_have_come_and_gone():
    cycles = cycle()
    assert cycles.after == cycles.before
    assert (cycles.count, cycles.strays) == (6, 0)
    assert (cycles.moving, cycles.dead) == ((), ())
    host = sum(parameter.numel() for parameter in build_host().parameters())
    assert cycles.after["parameters"] == host


def test_seeds_without_a_gradient_or_that_move_the_outputs_are_named(monkeypatch):
    monkeypatch.setattr(cycling, "_has_gradient", lambda _module: False)
    monkeypatch.setattr(cycling, "_look", lambda _model, _example: torch.rand(3))
    cycles = cycle(1)
    assert cycles.moving == cycles.dead
    assert cycles.dead[0] == "CONV_LIGHT in r0c0"


def test_parameters_that_stay_in_the_optimizer_are_strays(monkeypatch):
    stray = nn.Parameter(torch.zeros(1))
    sync = GrowingOptimizer.sync

    def leak(self):
        sync(self)
        if self.optimizer.param_groups[0]["params"][-1] is not stray:
            self.optimizer.param_groups[0]["params"].append(stray)

    monkeypatch.setattr(GrowingOptimizer, "sync", leak)
    assert cycle(2).strays > 0

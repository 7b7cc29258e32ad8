"""Evidence on a host of one's own: grown at random, and left as it was."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from tamiyo.checks.subjects import host as subject
from tamiyo.contracts import ConfigError
from tests.support.hosts import build_batch, build_host


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    for name, value in {"_EPOCHS": 14, "_RUNS": 1, "CYCLES": 3}.items():
        monkeypatch.setattr(subject, name, value)


def observe(host, example):
    said = []
    evidence = subject.observe_host(host, example, name="mine", seed=0, on_progress=said.append)
    return evidence, said


def test_a_host_is_grown_and_its_seeds_come_and_go():
    host = build_host()
    before = deepcopy(host.state_dict())
    evidence, said = observe(host, build_batch()[0])
    assert [len(course.steps) for course in evidence.courses] == [14]
    assert evidence.cycles.count == 3
    assert evidence.failures == ()
    assert said == ["growing mine at random, 1 times 14 epochs", "letting 3 seeds come and go"]
    assert all(torch.equal(before[name], now) for name, now in host.state_dict().items())


def test_a_host_that_puts_out_more_than_one_tensor_is_refused():
    class Pairing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = build_host()

        def forward(self, inputs):
            outputs = self.inner(inputs)
            return outputs, outputs

    with pytest.raises(ConfigError, match="must be a tensor of floating numbers, got tuple"):
        observe(Pairing(), build_batch()[0])

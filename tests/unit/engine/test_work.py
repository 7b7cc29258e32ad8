from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import Blueprint, LifecycleConfig, LifecycleOp, Style
from tamiyo.engine import WorkCounter
from tamiyo.model import attach
from tests.support.tasks import (
    WAIT,
    act,
    build_model,
    build_noisy_host,
    build_tiny_data,
    germinate,
    make_member,
)

# Multiply-adds per sample of one pass: the tiny host's two convolutions and its head, a 3x3 seed.
BLOCK1, BLOCK2, HEAD = 36 * 2 * 1 * 9, 36 * 2 * 2 * 9, 8 * 3
SEED = 36 * 2 * 2 * 9
# Forward, gradient of the weights, and gradient of the input, which the first layer has not.
HOST = 2 * BLOCK1 + 3 * (BLOCK2 + HEAD)


def run_plain(self, model, samples, step):
    step()


def test_a_step_of_the_host_is_what_the_formula_says():
    model, counter = build_model(), WorkCounter()
    data = build_tiny_data().control
    counter.run_step(
        model, 50, lambda: F.cross_entropy(model(data.inputs), data.targets).backward()
    )
    assert counter.total == 50 * HOST


def test_an_epoch_counts_every_sample_also_of_the_last_smaller_batch():
    member = make_member()
    assert member.step(WAIT).measured.multiply_adds == 64 * HOST
    assert member.step(WAIT).measured.multiply_adds == 2 * 64 * HOST


def test_a_blended_seed_is_trained_like_a_layer_of_the_host():
    member = make_member()
    for command in (germinate("r0c0"), act(LifecycleOp.ADVANCE, "r0c0")):
        member.step(command)
    before = member.work.total
    member.step(WAIT)
    assert member.work.total - before == 64 * (HOST + 3 * SEED)


def test_an_incubating_seed_costs_its_shadow_pass_from_its_slot_onward():
    member = make_member(lifecycle=LifecycleConfig(incubate=True))
    for command in (germinate("r0c1"), act(LifecycleOp.ADVANCE, "r0c1")):
        member.step(command)
    before = member.work.total
    member.step(WAIT)
    # Forward through seed and head; back through the head's input only and to the seed's weights.
    shadow = SEED + HEAD + HEAD + SEED
    assert member.work.total - before == 64 * (HOST + shadow)


def test_a_seed_that_went_from_incubation_to_blending_is_measured_again():
    member = make_member(lifecycle=LifecycleConfig(incubate=True))
    for command in (germinate("r0c1"), act(LifecycleOp.ADVANCE, "r0c1")):
        member.step(command)
    seed = member.model.slots["r0c1"].seed
    seed.enter(seed.stage.BLENDING)
    seed.schedule.begin(Style.LINEAR_ADD, 1.0, steps=0, curve=Style.LINEAR_ADD.ramp_curve)
    before = member.work.total
    member.step(WAIT)
    assert member.work.total - before == 64 * (HOST + 3 * SEED)


def test_a_blended_and_an_incubating_seed_add_up():
    member = make_member()
    for command in (germinate("r0c0"), act(LifecycleOp.ADVANCE, "r0c0"), germinate("r0c1")):
        member.step(command)
    seed = member.model.slots["r0c1"].seed
    seed.enter(seed.stage.TRAINING)
    before = member.work.total
    member.step(WAIT)
    assert member.work.total - before == 64 * (HOST + 3 * SEED + 2 * (SEED + HEAD))


@pytest.mark.parametrize("lifecycle", [None, LifecycleConfig(incubate=True)])
def test_counting_does_not_change_the_training(lifecycle, monkeypatch):
    settings = {} if lifecycle is None else {"lifecycle": lifecycle}
    counted = make_member(build_noisy_host, **settings)
    plain = make_member(build_noisy_host, **settings)
    monkeypatch.setattr(plain.work, "run_step", run_plain.__get__(plain.work))
    for command in (
        germinate(style=Style.GATED_GATE, blueprint=Blueprint.BOTTLENECK),
        act(LifecycleOp.ADVANCE),
        WAIT,
    ):
        ours, theirs = counted.step(command).measured, plain.step(command).measured
        assert ours.train_loss == theirs.train_loss
    assert plain.work.total == 0
    states = counted.model.state_dict(), plain.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_the_same_kind_of_structure_is_measured_once():
    member = make_member()
    for _ in range(5):
        member.step(germinate())
        member.step(act(LifecycleOp.PRUNE))
    assert len(member.work._per_sample) == 2


@pytest.mark.parametrize(
    "seed",
    [
        {"slot_id": "r0c1"},
        {"blueprint": Blueprint.DEPTHWISE},
        {"style": Style.GATED_GATE},
    ],
)
def test_a_structure_counts_the_same_whatever_was_measured_before(seed):
    met, fresh = make_member(), make_member()
    life = [germinate(), act(LifecycleOp.ADVANCE), WAIT, act(LifecycleOp.PRUNE)]
    for command in life:
        met.step(command)
    counts = []
    for member in (met, fresh):
        before = member.work.total
        member.step(germinate(**seed))
        member.step(act(LifecycleOp.ADVANCE, seed.get("slot_id", "r0c0")))
        member.step(WAIT)
        counts.append(member.work.total - before)
    assert counts[0] == counts[1] > 64 * 3 * HOST


def test_work_that_pytorch_does_not_count_is_unknown():
    host = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 4), Last(), nn.Linear(4, 2))
    model = attach(host, ["0"], torch.zeros(5, 7, 3))
    counter = WorkCounter()
    counter.run_step(model, 5, lambda: model(torch.zeros(5, 7, 3)).sum().backward())
    assert counter.total is None


class Last(nn.Module):
    def forward(self, outputs):
        return outputs[0][:, -1]


@pytest.mark.parametrize("length", [8, 16])
def test_attention_on_the_cpu_is_counted(length):
    model = build_model()
    counter = WorkCounter()

    def step():
        heads = torch.zeros(2, 4, length, 8, requires_grad=True)
        F.scaled_dot_product_attention(heads, heads, heads, is_causal=True).sum().backward()

    counter.run_step(model, 2, step)
    # Two products forward, and five backward, of which one is the scores once more.
    assert counter.total == 7 * 2 * 4 * length * length * 8

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, LifecycleConfig, LifecycleOp, Style
from tamiyo.engine.batched.work import StructureWork
from tamiyo.tasks import CLASSIFICATION
from tests.support.tasks import (
    act,
    build_model,
    build_noisy_host,
    build_tiny_data,
    copy_state,
    germinate,
)

BATCH = next(iter(build_tiny_data().train_batches(torch.Generator())))
INCUBATE = LifecycleConfig(incubate=True)


def grow(model):
    model.apply_command(germinate("r0c0", Blueprint.CONV_LIGHT))
    model.apply_command(germinate("r0c1", Blueprint.BOTTLENECK, Style.GATED_GATE))
    for slot_id in ("r0c0", "r0c1"):
        model.apply_command(act(LifecycleOp.ADVANCE, slot_id))
    model.tick()
    return model.train()


def measure_whole(model):
    work = StructureWork(CLASSIFICATION)
    return work._count(model, lambda: work._run_whole(model, BATCH)) / len(BATCH[1])


@pytest.mark.parametrize("whole", [False, True], ids=["segments", "whole passes"])
def test_the_parts_of_a_structure_add_up_to_the_whole(whole):
    model = grow(build_model(whole=whole))
    assert StructureWork(CLASSIFICATION).per_sample(model, BATCH) == measure_whole(model)


def test_incubating_seeds_are_measured_as_a_whole():
    model = grow(build_model(config=INCUBATE))
    assert model.shadow_overrides()
    assert StructureWork(CLASSIFICATION).per_sample(model, BATCH) == measure_whole(model)


def test_a_host_that_does_not_all_learn_is_measured_as_a_whole():
    model = grow(build_model())
    next(model.host.parameters()).requires_grad_(False)
    assert StructureWork(CLASSIFICATION).per_sample(model, BATCH) == measure_whole(model)


def test_a_structure_is_measured_once(monkeypatch):
    work, model = StructureWork(CLASSIFICATION), grow(build_model())
    first = work.per_sample(model, BATCH)
    monkeypatch.setattr(work, "_count", None)
    assert work.per_sample(grow(build_model(seed=4)), BATCH) == first


def test_measuring_changes_nothing():
    model = grow(build_model(build_noisy_host))
    before = copy_state(model)
    noise = torch.random.get_rng_state()
    StructureWork(CLASSIFICATION).per_sample(model, BATCH)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), noise)

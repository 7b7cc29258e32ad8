"""Execution: segments and whole passes give the same bits, variants those of separate passes."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from tamiyo.contracts import AlphaTarget, Blueprint, InvariantError, SeedStage, Style
from tamiyo.model import attach
from tests.support.hosts import (
    CONV_BLUEPRINTS,
    SLOTS,
    Wrapped,
    build_batch,
    build_host,
    build_model,
    build_seeded,
    walk_to,
)

STRUCTURES = range(8)


def grow_at_random(model, draw):
    """A seed of a random kind at a random stage in each slot, with a random scale."""
    stages = [SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED]
    for slot_id in model.slots:
        stage = draw.choice([None, *stages])
        if stage is None:
            continue
        walk_to(
            model,
            stage,
            slot_id,
            blueprint=draw.choice(CONV_BLUEPRINTS),
            style=draw.choice(list(Style)),
            target=draw.choice(list(AlphaTarget)),
        )
        scale = model.slots[slot_id].seed.module.scale
        with torch.no_grad():
            scale.copy_(torch.randn(scale.shape, generator=build_seeded(draw.randrange(99))))
    return model


def draw_overrides(model, draw):
    overrides = {}
    for slot_id, slot in model.slots.items():
        if draw.random() < 0.6:
            style = None if slot.seed is None else slot.seed.schedule.style
            on = style is not None and draw.random() < 0.5
            overrides[slot_id] = ((style, draw.choice([0.3, 1.0])),) if on else ()
    return overrides


def build_twins(structure, *, inplace=False):
    """The same grown network twice: cut into segments, and run in whole passes."""
    return [
        grow_at_random(
            build_model(build_host(wrap=wrap, inplace=inplace)), random.Random(structure)
        ).eval()
        for wrap in (False, True)
    ]


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_segments_run_like_whole_passes(structure, inplace):
    cut, whole = build_twins(structure, inplace=inplace)
    assert (cut.execution.shares_prefix, whole.execution.shares_prefix) == (True, False)
    assert cut.execution.order == whole.execution.order == tuple(SLOTS)
    for slot_id in (None, *SLOTS):
        outputs, features = cut.execution.run(build_batch()[0], capture=slot_id)
        others, captured = whole.execution.run(build_batch()[0], capture=slot_id)
        assert torch.equal(outputs, others)
        assert (features is None) == (captured is None) == (slot_id is None)
        assert features is None or torch.equal(features, captured)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_segments_resume_like_whole_passes(structure, inplace):
    draw, inputs = random.Random(structure), build_batch()[0]
    cut, whole = build_twins(structure, inplace=inplace)
    for slot_id in SLOTS:
        features = cut.execution.run(inputs, capture=slot_id)[1]
        overrides = draw_overrides(cut, draw)
        outputs = cut.execution.resume(inputs, slot_id, features.clone(), overrides)
        assert torch.equal(outputs, whole.execution.resume(inputs, slot_id, features, overrides))
        own = cut.execution.resume(inputs, slot_id, features, {})
        assert torch.equal(own, cut(inputs))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_variants_are_those_of_separate_passes(structure, inplace):
    draw, inputs = random.Random(structure), build_batch()[0]
    cut, whole = build_twins(structure, inplace=inplace)
    variants = [{}, *(draw_overrides(cut, draw) for _ in range(6))]
    together = cut.execution.run_variants(inputs, variants)
    for variant, outputs in zip(variants, together, strict=True):
        assert torch.equal(outputs, cut.execution.run_variants(inputs, [variant])[0])
        assert torch.equal(outputs, whole.execution.run_variants(inputs, [variant])[0])
    assert torch.equal(together[0], cut(inputs))


@pytest.mark.parametrize("wrap", [False, True])
def test_neither_run_nor_resume_changes_what_it_is_given(wrap):
    path = "net.1" if wrap else "1"
    model = build_model(build_host(wrap=wrap, inplace=True), slots={"r0c0": path}).eval()
    inputs = build_batch()[0]
    _, features = model.execution.run(inputs, capture="r0c0")
    assert bool((features < 0).any()), "captured before the ReLU that works in place"
    kept = features.clone()
    model.execution.resume(inputs, "r0c0", features, {})
    assert torch.equal(features, kept)


def test_variants_survive_a_following_module_that_works_in_place():
    host = build_host(inplace=True)
    model = attach(host, {"r0c0": "1"}, build_batch()[0], generator=build_seeded())
    walk_to(model, SeedStage.HOLDING, blueprint=Blueprint.CONV_SMALL)
    with torch.no_grad():
        model.slots["r0c0"].seed.module.scale.fill_(0.7)
    off, on = model.eval().execution.run_variants(build_batch()[0], [{"r0c0": ()}, {}])
    assert torch.equal(on, model(build_batch()[0]))
    assert torch.equal(off, host(build_batch()[0]))


def test_a_module_that_stands_twice_in_a_sequential_runs_twice():
    shared = nn.ReLU()
    convolutions = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(2)]
    host = nn.Sequential(convolutions[0], shared, convolutions[1], shared).eval()
    model = attach(host, {"r0c0": "2"}, build_batch()[0], generator=build_seeded())
    assert model.execution.shares_prefix
    assert torch.equal(model(build_batch()[0]), host(build_batch()[0]))


class Derived(nn.Sequential):
    """A Sequential with a forward pass of its own."""

    def forward(self, inputs):
        return -super().forward(inputs)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (Derived(nn.Conv2d(1, 2, 1), nn.ReLU()), "0"),
        (nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 1)), nn.ReLU()), "0.0"),
        (Wrapped(nn.Sequential(nn.Conv2d(1, 2, 1))), "net.0"),
    ],
)
def test_a_host_that_cannot_be_cut_runs_whole_passes(host, path):
    model = attach(host, {"r0c0": path}, build_batch()[0], generator=build_seeded())
    assert not model.execution.shares_prefix
    assert torch.equal(model(build_batch()[0]), host(build_batch()[0]))


def test_hooks_live_for_the_length_of_a_pass_only():
    model = build_model(wrap=True)
    model(build_batch()[0])
    assert not any(module._forward_hooks for module in model.host.modules())


def test_hooks_go_when_a_pass_fails():
    model = build_model(wrap=True)
    with pytest.raises(RuntimeError, match="channels"):
        model(torch.zeros(1, 5, 8, 8))
    assert not any(module._forward_hooks for module in model.host.modules())


@pytest.mark.parametrize("wrap", [False, True])
def test_weights_without_a_seed_break_a_promise(wrap):
    model = build_model(wrap=wrap)
    variant = {"r0c1": ((Style.LINEAR_ADD, 1.0),)}
    with pytest.raises(InvariantError, match=r"slot r0c1 must hold a seed .*got None"):
        model.execution.run_variants(build_batch()[0], [variant])


@pytest.mark.parametrize("wrap", [False, True])
def test_a_host_that_cannot_be_cut_says_so(caplog, wrap):
    with caplog.at_level("INFO", logger="tamiyo"):
        build_model(wrap=wrap)
    assert ("run it whole" in caplog.text) == wrap


def test_hooks_on_the_host_itself_still_run():
    host = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())
    host.register_forward_hook(lambda _module, _inputs, output: output + 1)
    inputs = torch.randn(2, 1, 8, 8)
    expected = host(inputs)
    model = attach(host, {"r0c0": "0"}, inputs, generator=torch.Generator())
    assert torch.equal(model(inputs), expected)

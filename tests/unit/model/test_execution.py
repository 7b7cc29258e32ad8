"""Execution: segments and whole passes give the same bits, variants those of separate passes."""

from __future__ import annotations

import random
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from tamiyo.contracts import AlphaTarget, Blueprint, InvariantError, SeedStage, ShapeError, Style
from tamiyo.model import attach, drawing_from
from tests.support.awkward_hosts import Called, Decoder, Encoder, draw, draw_ids
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


class Reshaped(nn.Module):
    """Lets features pass, whatever their shape."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        return self.factor * inputs


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


@pytest.mark.parametrize("channels", [1, 5])
def test_the_host_is_whole_again_after_a_pass_and_after_one_that_failed(channels):
    model = build_model(wrap=True)
    before = list(model.host.modules())
    walk_to(model, SeedStage.HOLDING)
    with nullcontext() if channels == 1 else pytest.raises(RuntimeError, match="channels"):
        model(torch.zeros(2, channels, 8, 8))
    assert list(model.host.modules()) == before


def test_no_tap_is_placed_where_no_seed_has_influence():
    model = build_model(wrap=True)
    walk_to(model, SeedStage.TRAINING)
    kinds = []
    model.host.register_forward_pre_hook(lambda *_: kinds.extend(map(type, model.host.net)))
    model(build_batch()[0])
    assert kinds == [type(module) for module in model.host.net]


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


def train(network, example, steps=50):
    adam = torch.optim.Adam(network.train().parameters(), lr=0.01)
    with drawing_from(build_seeded(4)):
        for _ in range(steps):
            adam.zero_grad()
            network(example).float().square().mean().backward()
            adam.step()
    return [tensor.detach().clone() for tensor in network.state_dict().values()]


def build_mlp():
    return nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))


def build_cnn():
    features = (nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3))
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("build", "example", "slots"),
    [
        (build_cnn, draw(4, 1, 4, 4), ["0", "2"]),
        (build_mlp, draw(4, 6), ["1"]),
        (lambda: nn.Sequential(Decoder()), draw_ids(4, 7), ["0"]),
        (lambda: nn.Sequential(Encoder(), nn.Tanh()), draw(4, 7, 8), ["0"]),
    ],
)
def test_a_host_that_never_grows_trains_like_the_bare_host_bit_for_bit(build, example, slots, cut):
    def build_again():
        with drawing_from(build_seeded(2)):
            return build() if cut else Wrapped(build())

    paths = slots if cut else [f"net.{path}" for path in slots]
    model = attach(build_again(), paths, example)
    assert model.execution.shares_prefix == cut
    pairs = zip(train(build_again(), example), train(model, example), strict=True)
    assert all(torch.equal(bare, attached) for bare, attached in pairs)


@pytest.mark.parametrize(
    ("shape", "found"), [((2, 3, 8, 8), r"\[2, 3, 8, 8\]"), ((2, 4, 8), r"\[2, 4, 8\]")]
)
def test_features_unlike_those_of_the_example_are_refused_where_a_seed_works(shape, found):
    model = attach(nn.Sequential(Reshaped(), nn.Conv2d(4, 2, 1)), ["0"], draw(2, 4, 8, 8))
    walk_to(model, SeedStage.HOLDING)
    with pytest.raises(ShapeError, match=rf"slot r0c0 must have the axes and the 4 .*got {found}"):
        model(torch.zeros(shape))


def test_a_module_that_begins_to_run_twice_is_refused_where_a_seed_works():
    def repeat(self, features):
        for _ in range(self.times):
            features = self.body(features)
        return self.head(features)

    host = Called(repeat, body=nn.Linear(6, 6), head=nn.Linear(6, 3), times=1)
    model = attach(host, ["body"], draw(4, 6))
    walk_to(model, SeedStage.HOLDING)
    host.times = 2
    with pytest.raises(ShapeError, match="slot r0c0 must run once per pass, got a second run"):
        model(draw(4, 6))


@pytest.mark.parametrize("wrap", [False, True])
def test_maps_may_be_of_any_size(wrap):
    model = build_model(wrap=wrap).eval()
    walk_to(model, SeedStage.HOLDING)
    assert model(draw(2, 1, 13, 5)).shape == (2, 3)


def test_a_hook_on_the_host_that_comes_later_is_not_passed_over():
    model = build_model().eval()
    walk_to(model, SeedStage.HOLDING)
    before = model.execution.run_variants(build_batch()[0], [{}])[0]
    model.host.register_forward_hook(lambda _module, _inputs, output: output + 1)
    assert not model.execution.shares_prefix
    features = model.execution.run(build_batch()[0], capture="r0c0")[1]
    assert torch.equal(model.execution.run_variants(build_batch()[0], [{}])[0], before + 1)
    assert torch.equal(model.execution.resume(build_batch()[0], "r0c0", features, {}), before + 1)


def test_a_child_that_is_replaced_later_is_the_one_that_runs():
    model = build_model().eval()
    walk_to(model, SeedStage.HOLDING)
    with torch.no_grad():
        features = model.execution.run(build_batch()[0], capture="r0c1")[1]
        model.host[8] = nn.Linear(4, 7)
        assert model.execution.run_variants(build_batch()[0], [{}])[0].shape == (6, 7)
        assert model.execution.resume(build_batch()[0], "r0c1", features, {}).shape == (6, 7)


@pytest.mark.parametrize("inputs", [(draw(6, 1, 8, 8),), {"input": draw(6, 1, 8, 8)}])
def test_inputs_come_packed(inputs):
    model = build_model().eval()
    walk_to(model, SeedStage.HOLDING)
    plain = model(draw(6, 1, 8, 8))
    assert torch.equal(model.execution.run(inputs)[0], plain)
    assert torch.equal(model.execution.run_variants(inputs, [{}])[0], plain)


@pytest.mark.parametrize("wrap", [False, True])
def test_every_pass_with_gradients_is_told_of_once(wrap):
    model, inputs = build_model(wrap=wrap), build_batch()[0]
    execution = model.execution
    features = execution.run(inputs, capture="r0c0")[1]
    passes = (
        lambda: model(inputs),
        lambda: execution.run(inputs),
        lambda: execution.resume(inputs, "r0c0", features, {}),
        lambda: execution.run_variants(inputs, [{}, {}]),
    )
    for run in passes:
        run()
        assert (execution.take_pass(), execution.take_pass()) == (True, False)
        with torch.no_grad():
            run()
        assert not execution.take_pass()

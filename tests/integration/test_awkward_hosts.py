"""A catalogue of hosts as users write them: each is grown and detached, or refused by name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tamiyo.contracts import Blueprint, ConfigError, SeedStage
from tamiyo.model import attach, call_host, detach, drawing_from
from tamiyo.model.attaching.calling import list_tensors
from tests.support.awkward_hosts import (
    Again,
    Called,
    Classifier,
    Decoder,
    Encoder,
    Padded,
    Recurrent,
    Uncopyable,
    build_answering,
    build_conv1d,
    build_frozen_backbone,
    build_in_place,
    build_mlp,
    build_nhwc,
    build_two_inputs,
    compiled_inside,
    draw,
    draw_ids,
    draw_padded,
    freeze,
    hooked,
    named_twice,
    script,
)
from tests.support.hosts import build_seeded, fossilize, walk_to

IMAGES = draw(4, 1, 6, 6)
VECTORS = draw(4, 6)
SERIES = draw(4, 7, 5)
TOKENS = draw_ids(4, 7)
PADDED = draw_padded()

if TYPE_CHECKING:
    from collections.abc import Callable


class Case(NamedTuple):
    """A host, where its slots are, and what is said if it cannot be grown."""

    name: str
    build: Callable[[], nn.Module]
    example: object
    slots: tuple[str, ...]
    refusal: str = ""
    autocast: bool = False


WORKS = [
    Case("BatchNorm, dropout", Classifier, IMAGES, ("relu", "stage")),
    Case("ReLU in place", lambda: Classifier(inplace=True), IMAGES, ("relu", "stage")),
    Case("slot before ReLU in place", lambda: Classifier(inplace=True), IMAGES, ("norm", "conv1")),
    Case(
        "frozen", lambda: freeze(Classifier(), "conv1", "norm", "stage", "head"), IMAGES, ("stage",)
    ),
    Case("backbone under no_grad", build_frozen_backbone, VECTORS, ("neck",)),
    Case("tied weights", Decoder, TOKENS, ("blocks.0", "blocks.1")),
    Case("slot on the tied module", Decoder, TOKENS, ("embed",)),
    Case("bidirectional", lambda: Decoder(is_causal=False), TOKENS, ("blocks.0", "drop")),
    Case(
        "channels last",
        lambda: Classifier().to(memory_format=torch.channels_last),
        IMAGES.contiguous(memory_format=torch.channels_last),
        ("relu", "stage"),
    ),
    Case("autocast", Classifier, IMAGES, ("relu", "stage"), autocast=True),
    Case("autocast of a sequence", Decoder, TOKENS, ("blocks.0",), autocast=True),
    Case("float64", lambda: Classifier().double(), IMAGES.double(), ("relu",)),
    Case("bfloat16", lambda: Decoder().bfloat16(), TOKENS, ("blocks.1",)),
    Case("LSTM, slot behind it", Recurrent, SERIES, ("act",)),
    Case("fast path", Encoder, draw(4, 7, 8), ("encoder.layers.0", "encoder.layers.1")),
    Case("fast path, whole encoder", Encoder, draw(4, 7, 8), ("encoder",)),
    Case("padded, whole encoder", Padded, PADDED, ("embed", "encoder")),
    Case("padded", lambda: Padded(is_packed=False), [*PADDED], ("encoder.layers.1", "embed")),
    Case("named inputs", build_answering, {"inputs": VECTORS, "labels": None}, ("body",)),
    Case("outputs in a dataclass", build_answering, (VECTORS,), ("body",)),
    Case("two inputs", build_two_inputs, (VECTORS, VECTORS + 1), ("mix",)),
    Case(
        "outputs in a dictionary",
        lambda: Called(lambda self, x: {"out": self.body(x), "n": 1}, body=build_mlp()),
        VECTORS,
        ("body.1",),
    ),
    Case(
        "reads a weight",
        lambda: Called(
            lambda self, x: (self.head(self.conv(x).mean((2, 3))), self.conv.weight.square().sum()),
            conv=nn.Conv2d(1, 4, 3),
            head=nn.Linear(4, 3),
        ),
        IMAGES,
        ("conv",),
    ),
    Case(
        "indexes a stage it also calls",
        lambda: Called(
            lambda self, x: self.head(self.stage(x)) + len(self.stage) * self.stage[0].bias.sum(),
            stage=build_mlp()[:2],
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("stage",),
    ),
    Case(
        "weight norm and spectral norm",
        lambda: nn.Sequential(
            parametrizations.weight_norm(nn.Linear(6, 6)),
            nn.Tanh(),
            parametrizations.spectral_norm(nn.Linear(6, 3)),
        ),
        VECTORS,
        ("0", "1"),
    ),
    Case("user's hook", lambda: hooked(Classifier(), "stage"), IMAGES, ("stage",)),
    Case("user's hook, cut", lambda: hooked(build_mlp(), "1"), VECTORS, ("1",)),
    Case(
        "nested Sequential", lambda: nn.Sequential(build_mlp(), nn.Linear(3, 3)), VECTORS, ("0.1",)
    ),
    Case("slot within a slot", Classifier, IMAGES, ("stage.0", "stage")),
    Case("module under two names", lambda: named_twice(Classifier()), IMAGES, ("alias",)),
    Case(
        "DataParallel beside the slot",
        lambda: nn.Sequential(nn.DataParallel(build_mlp()), nn.Tanh(), nn.Linear(3, 3)),
        VECTORS,
        ("1",),
    ),
    Case("plain MLP", build_mlp, VECTORS, ("1",)),
    Case("one sample", Classifier, IMAGES[:1], ("stage",)),
]

REFUSED = [
    Case("ModuleList", Decoder, TOKENS, ("blocks",), r"r0c0 \('blocks'\) must run in every pass"),
    Case(
        "path misspelled", Classifier, IMAGES, ("stag",), r"got 'stag': did you mean one of stage"
    ),
    Case("the host itself", Classifier, IMAGES, ("",), "must be a module of the host, got ''"),
    Case("two slots, one module", Classifier, IMAGES, ("stage", "stage"), "must name different"),
    Case(
        "two slots, one module, two names",
        lambda: named_twice(Classifier()),
        IMAGES,
        ("stage", "alias"),
        "got 'stage' for r0c0 and 'alias' for r0c1, which are the same one",
    ),
    Case("LSTM", Recurrent, SERIES, ("lstm",), "must put out one tensor, got tuple"),
    Case(
        "attention",
        Encoder,
        draw(4, 7, 8),
        ("encoder.layers.0.self_attn",),
        "must put out one tensor, got tuple",
    ),
    Case(
        "inside a fast path",
        Encoder,
        draw(4, 7, 8),
        ("encoder.layers.0.linear1",),
        "got a pass in evaluation mode that does not call it",
    ),
    Case("nested tensors", Padded, PADDED, ("encoder.layers.1",), "got a nested tensor in eval"),
    Case("shared module", Again, VECTORS, ("second",), "must run once per pass, got 2 runs"),
    Case(
        "activation checkpointing",
        lambda: Again(is_checkpointed=True),
        VECTORS,
        ("first",),
        "must let a seed behind it train, got CheckpointError.*recompute nothing around it",
    ),
    Case("Conv1d", build_conv1d, SERIES.mT, ("conv",), r"got \[4, 8, 7\], which is \[B, C, L\]"),
    Case("NHWC", build_nhwc, IMAGES, ("mix",), r"got \[4, 6, 6, 4\], which is \[B, H, W, C\]"),
    Case(
        "Conv3d",
        lambda: nn.Sequential(nn.Conv3d(1, 2, 1), nn.ReLU(), nn.Conv3d(2, 2, 1)),
        draw(2, 1, 3, 4, 4),
        ("1",),
        r"got \[2, 2, 3, 4, 4\], which is \[B, C, D, H, W\]",
    ),
    Case(
        "batch second inside",
        lambda: Encoder(batch_first=False, transpose=True),
        draw(4, 7, 8),
        ("encoder.layers.0",),
        r"axis 0, got shape \[7, 4, 8\] from 4 samples and \[7, 2, 8\] from 2.*batch_first",
    ),
    Case(
        "batch second outside",
        lambda: Encoder(batch_first=False),
        draw(7, 4, 8),
        ("encoder.layers.0",),
        "batch on axis 0, got samples that influence each other along it",
    ),
    Case(
        "no batch at all",
        lambda: Called(
            lambda self, x: self.head(x + self.places(torch.arange(7))),
            places=nn.Embedding(7, 5),
            head=nn.Linear(5, 3),
        ),
        SERIES,
        ("places",),
        "batch on axis 0",
    ),
    Case(
        "integers",
        lambda: Called(
            lambda self, x: self.head(self.choose(x).float()),
            choose=Called(lambda self, x: (x > 0).long()),
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("choose",),
        "real floating-point numbers, got torch.int64",
    ),
    Case(
        "complex numbers",
        lambda: Called(
            lambda self, x: self.head(self.turn(x).abs()),
            turn=Called(lambda self, x: torch.fft.fft(x)),
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("turn",),
        "real floating-point numbers, got torch.complex64",
    ),
    Case(
        "one number",
        lambda: nn.Sequential(nn.Linear(6, 1), nn.Linear(1, 3)),
        VECTORS,
        ("0",),
        r"at least 2 numbers .* got \[4, 1\]",
    ),
    Case(
        "changed in place",
        build_in_place,
        IMAGES,
        ("same",),
        "modified by an inplace operation.*change nothing in place behind it",
    ),
    Case(
        "under no_grad",
        build_frozen_backbone,
        VECTORS,
        ("body",),
        "got no gradient: its output is under no_grad",
    ),
    Case(
        "unused",
        lambda: Called(
            lambda self, x: (self.aside(x), self.head(x))[1],
            aside=nn.Linear(6, 6),
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("aside",),
        "detached or unused; name a later module",
    ),
    Case(
        "calls by another way",
        lambda: Called(
            lambda self, x: self.head(F.linear(x, self.body.weight)),
            body=nn.Linear(6, 6),
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("body",),
        "must run in every pass, got no run",
    ),
    Case(
        "asks for the type of its module",
        lambda: Called(
            lambda self, x: self.head(self.body(x)) * isinstance(self.body, nn.Linear),
            body=nn.Linear(6, 6),
            head=nn.Linear(6, 3),
        ),
        VECTORS,
        ("body",),
        "must stand a seed behind it, got .*outputs that differ once it is wrapped",
    ),
    Case(
        "DataParallel",
        lambda: nn.DataParallel(build_mlp()),
        VECTORS,
        ("module.1",),
        "host must be a plain module, got DataParallel: .*attach the module inside",
    ),
    Case(
        "inside DataParallel",
        lambda: nn.Sequential(nn.DataParallel(build_mlp())),
        VECTORS,
        ("0.module.1",),
        "got DataParallel at '0'",
    ),
    Case(
        "scripted",
        lambda: script(build_mlp()),
        VECTORS,
        ("1",),
        "got RecursiveScriptModule: its compiled code",
    ),
    Case(
        "compiled",
        lambda: torch.compile(build_mlp(), backend="eager"),
        VECTORS,
        ("1",),
        "got OptimizedModule: .*compile what detach returns",
    ),
    Case(
        "compiled inside",
        compiled_inside,
        VECTORS,
        ("0.1",),
        "got Sequential at '0': compiled code",
    ),
    Case(
        "lazy",
        lambda: nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 3)),
        VECTORS,
        ("1",),
        "lazy parameter '0.weight': run one batch",
    ),
    Case(
        "meta", lambda: build_mlp().to("meta"), VECTORS, ("1",), "got '0.weight' on the meta device"
    ),
    Case(
        "no parameters",
        lambda: nn.Sequential(nn.ReLU(), nn.Tanh()),
        VECTORS,
        ("0",),
        "host must have parameters to train",
    ),
    Case(
        "cannot be copied",
        lambda: Uncopyable(*build_mlp()),
        VECTORS,
        ("1",),
        "got TypeError: cannot copy an open connection",
    ),
    Case(
        "example of another shape",
        build_mlp,
        draw(4, 5),
        ("1",),
        "example must be .* got RuntimeError: mat1 and mat2",
    ),
    Case(
        "example with a stranger",
        build_answering,
        {"x": VECTORS},
        ("body",),
        "example must be .* got TypeError: .*argument 'x'",
    ),
]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def build(case):
    with drawing_from(build_seeded(1)):
        return case.build()


def state_bytes(host):
    return {
        name: (tensor.dtype, tensor.float().numpy().tobytes())
        for name, tensor in host.state_dict().items()
    }


def precision(case):
    return torch.autocast("cpu", torch.bfloat16, enabled=case.autocast)


def train(network, case, steps=3):
    """Train as a user would, on whatever the host returns."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    with drawing_from(build_seeded(2)):
        for _ in range(steps):
            optimizer.zero_grad()
            with precision(case):
                outputs = list_tensors(call_host(network, case.example))
            loss = sum(output.float().square().mean() for output in outputs)
            if loss.requires_grad:  # not so for a host that is frozen as a whole
                loss.backward()
            optimizer.step()
    return network.eval()


def grow(case):
    """A model of the case's host with a trained fossil in every slot."""
    with precision(case):
        model = attach(build(case), case.slots, case.example)
    for slot_id in model.slots:
        fitting = model.report().slot(slot_id).blueprint_parameters
        blueprint = next(found for found in fitting if found != Blueprint.NOOP)
        walk_to(model, SeedStage.HOLDING, slot_id, blueprint=blueprint)
    train(model, case)
    for slot_id in model.slots:
        assert fossilize(model, slot_id).executed
    return model


@each(WORKS)
def test_a_detached_network_computes_what_its_model_computes(case):
    model = grow(case)
    network = detach(model)
    for is_training in (True, False):
        with torch.set_grad_enabled(is_training), precision(case):
            expected = list_tensors(call_host(model, case.example))
            found = list_tensors(call_host(network, case.example))
            bare = list_tensors(call_host(model.host, case.example))
        assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))
        assert not all(torch.equal(*pair) for pair in zip(expected, bare, strict=True))


@each(WORKS)
def test_seeds_are_of_the_slots_dtype_and_train(case):
    model = grow(case)
    host = next(p.dtype for p in model.host.parameters())
    for seed in model.seeds.values():
        assert {parameter.dtype for parameter in seed.parameters()} == {host}
        assert bool((seed.scale != 0).any())


@each(WORKS)
def test_attaching_changes_nothing_about_the_host(case):
    host = build(case)
    before, drawn = state_bytes(host), torch.random.get_rng_state()
    modes = [module.training for module in host.modules()]
    with precision(case):
        model = attach(host, case.slots, case.example)
    assert state_bytes(model.host) == before
    assert [module.training for module in host.modules()] == modes
    assert all(parameter.grad is None for parameter in host.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)


@each(WORKS)
def test_a_host_that_never_grows_trains_like_the_bare_host(case):
    bare = train(build(case), case, steps=50)
    with precision(case):
        model = attach(build(case), case.slots, case.example)
    assert state_bytes(train(model, case, steps=50).host) == state_bytes(bare)


@each(WORKS)
def test_a_copy_grows_by_itself_and_loads_the_state_of_the_first(case):
    model = grow(case)
    twin = copy.deepcopy(model)
    assert state_bytes(twin) == state_bytes(model)
    shared = {id(t) for t in model.state_dict(keep_vars=True).values()}
    assert not shared & {id(t) for t in twin.state_dict(keep_vars=True).values()}
    before = state_bytes(model)
    train(twin, case)
    assert state_bytes(model) == before
    twin.load_state_dict(model.state_dict())
    assert state_bytes(twin) == before


@each(REFUSED)
def test_a_host_that_cannot_be_grown_is_refused_in_one_sentence_with_a_way_out(case):
    host = build(case)
    with pytest.raises(ConfigError, match=case.refusal) as caught:
        attach(host, case.slots, case.example)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert "must" in message
    assert "got" in message


@pytest.mark.parametrize("size", [(5, 9), (12, 6)])
def test_maps_may_change_their_size(size):
    model = grow(WORKS[0])
    assert torch.equal(model(draw(3, 1, *size)), detach(model)(draw(3, 1, *size)))


@pytest.mark.parametrize("length", [1, 3, 20])
def test_sequences_may_change_their_length(length):
    model = grow(next(case for case in WORKS if case.build is Decoder))
    ids = draw_ids(2, length)
    assert torch.equal(model(ids), detach(model)(ids))

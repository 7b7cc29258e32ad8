"""Sequences: where the batch is, and whether a position may see later ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.model.attaching.mixing import Mixing
from tamiyo.model.attaching.sequences import SequenceFlow, find_batch_refusals, measure_flows
from tamiyo.model.attaching.trial import Trial
from tests.support.awkward_hosts import (
    Attending,
    Called,
    Decoder,
    Encoder,
    Recurrent,
    draw,
    draw_ids,
)

NONE = Mixing(backward=False, forward=False)
FORWARD = Mixing(backward=False, forward=True)
BOTH = Mixing(backward=True, forward=True)
SERIES = draw(3, 7, 5)


def flow_of(host, path, example):
    trial = Trial(host, example)
    return measure_flows(trial, trial.run_and_read([path]))[path]


class Shifting(Decoder):
    """Cuts the last token off and returns its loss only, as training code often does."""

    def forward(self, ids):
        return super().forward(ids[:, :-1]).square().mean()


class Pooled(Decoder):
    """Classifies whole sequences."""

    def forward(self, ids):
        return super().forward(ids).mean(dim=1)


class Patched(nn.Module):
    """Cuts an image into patches, and counts its positions by itself."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 2, stride=2)
        self.flat = Called(lambda self, x: x.flatten(2).mT)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        return self.head(self.flat(self.patch(images)).mean(dim=1))


@pytest.mark.parametrize(
    ("host", "path", "example", "is_causal"),
    [
        (Decoder(), "blocks.0", draw_ids(2, 7), True),
        (Decoder(), "blocks.0", draw_ids(1, 7), True),
        (Decoder(is_causal=False), "blocks.0", draw_ids(2, 7), False),
        (Decoder(), "embed", draw_ids(2, 7), True),
        (Decoder(is_causal=False), "embed", draw_ids(2, 7), False),
        (Decoder(blocks=0), "embed", draw_ids(2, 7), True),
        (Decoder(is_causal=False), "embed", torch.ones(2, 7, dtype=torch.int64), True),
        (Decoder(), "embed", (draw_ids(2, 7),), True),
        (Shifting(), "blocks.0", draw_ids(2, 8), True),
        (Shifting(), "embed", draw_ids(2, 8), True),
        (Pooled(is_causal=False), "blocks.1", draw_ids(2, 7), False),
        (Pooled(blocks=0), "embed", draw_ids(2, 7), False),
        (Recurrent(), "act", draw(2, 7, 5), True),
        (Encoder(), "encoder.layers.0", draw(2, 7, 8), False),
        (Patched(), "flat", draw(2, 1, 6, 6), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_causality_is_found_at_the_slot_or_else_in_the_outputs(host, path, example, is_causal):
    assert flow_of(host, path, example).is_causal == is_causal


@pytest.mark.parametrize(
    ("positions", "in_outputs", "shapes", "is_causal"),
    [
        ([FORWARD], [BOTH], [(2, 3)], True),
        ([BOTH], [FORWARD], [(2, 3)], False),
        ([BOTH, FORWARD], [], [(2, 3)], True),
        ([NONE], [FORWARD], [(2, 3)], True),
        ([NONE], [BOTH], [(2, 7, 9)], False),
        ([NONE], [], [(2, 3)], False),
        ([NONE], [NONE], [(2, 7, 9)], True),
        ([NONE], [], [(2, 11, 7)], True),
        ([], [], [(2, 8)], True),
        ([], [], [], True),
    ],
)
def test_what_cannot_be_determined_counts_as_causal(positions, in_outputs, shapes, is_causal):
    flow = SequenceFlow(
        length=7,
        samples=[],
        positions=positions,
        output_samples=[],
        output_positions=in_outputs,
        output_shapes=shapes,
    )
    assert flow.is_causal == is_causal


@pytest.mark.parametrize(
    ("host", "example", "is_swapped"),
    [
        (Encoder(), draw(4, 7, 8), False),
        (Encoder(batch_first=False), draw(7, 4, 8), True),
        (Encoder(batch_first=False), draw(7, 1, 8), False),
    ],
)
def test_samples_that_influence_each_other_where_positions_do_not_are_positions(
    host, example, is_swapped
):
    assert flow_of(host, "encoder.layers.0", example).has_batch_second == is_swapped


def test_a_slot_before_the_attention_is_judged_by_the_outputs():
    encoder = Encoder(batch_first=False)
    host = Called(
        lambda self, x: self.encoder(self.first(x)), first=nn.Linear(8, 8), encoder=encoder.encoder
    )
    assert flow_of(host, "first", draw(7, 4, 8)).has_batch_second


def test_half_the_batch_shows_where_it_is():
    host = Encoder(batch_first=False, transpose=True)
    shapes = {"encoder": (7, 4, 8), "head": (4, 3)}
    found = find_batch_refusals(Trial(host, draw(4, 7, 8)), shapes)
    assert list(found) == ["encoder"]
    assert "got shape [7, 4, 8] from 4 samples and [7, 2, 8] from 2" in found["encoder"]
    assert find_batch_refusals(Trial(host, draw(1, 7, 8)), shapes) == {}


def test_a_host_of_one_batch_size_is_taken_at_its_word():
    host = Called(lambda self, x: self.head(x.reshape(4, 6)), head=nn.Linear(6, 3))
    assert find_batch_refusals(Trial(host, draw(4, 6)), {"head": (4, 3)}) == {}


def test_a_batch_folded_into_axis_0_is_a_batch():
    host = Called(lambda self, x: self.head(x.flatten(0, 1)), head=nn.Linear(5, 3))
    assert find_batch_refusals(Trial(host, draw(4, 7, 5)), {"head": (28, 3)}) == {}


def test_where_nothing_mixes_axis_0_is_taken_at_its_word():
    assert not flow_of(Decoder(blocks=0), "embed", draw_ids(4, 7)).has_batch_second


def test_a_host_that_refuses_changed_inputs_leaves_causality_open():
    def choosy(self, x):
        if not torch.equal(x, SERIES):
            message = "not the example"
            raise ValueError(message)
        return self.head(self.mix(x))

    parts = {"mix": Attending(5, is_causal=False), "head": nn.Linear(5, 3)}
    flow = flow_of(Called(choosy, **parts), "mix", SERIES)
    assert (flow.positions, flow.samples, flow.is_causal) == ([], [], True)


@pytest.mark.parametrize(("path", "is_causal"), [("read", False), ("write", True)])
def test_of_several_inputs_the_one_that_flows_forward_decides(path, is_causal):
    def translate(self, source, target):
        context = self.read(source)
        return self.head(self.write(target) + context.mean(dim=1, keepdim=True))

    read, write = Attending(5, is_causal=False), Attending(5, is_causal=True)
    host = Called(translate, read=read, write=write, head=nn.Linear(5, 3))
    assert flow_of(host, path, (SERIES, SERIES + 1)).is_causal == is_causal


@pytest.mark.parametrize("symbols", [5, 7, 11])
@pytest.mark.parametrize("is_causal", [True, False])
def test_outputs_may_have_their_classes_before_their_positions(symbols, is_causal):
    decoder = Decoder(is_causal=is_causal)
    head = nn.Linear(11, symbols)
    host = Called(
        lambda self, x: self.head(self.decoder(x)).transpose(1, 2), decoder=decoder, head=head
    )
    assert flow_of(host, "decoder.embed", draw_ids(2, 7)).is_causal == is_causal

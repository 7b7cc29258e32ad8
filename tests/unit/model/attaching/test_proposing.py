"""Proposing: slots at the ends of stages, and a reason for every module that can be none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError, SeedStage, ShapeError
from tamiyo.model import Topology, attach, describe_host, detach, propose_slots
from tests.support.awkward_hosts import (
    Again,
    Classifier,
    Decoder,
    Encoder,
    Padded,
    Recurrent,
    draw,
    draw_ids,
    draw_padded,
)
from tests.support.hosts import Wrapped, build_batch, build_host, walk_to


class Block(nn.Module):
    """The basic block of a ResNet."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Conv2d(inputs, outputs, 1)

    def forward(self, inputs):
        features = self.relu(self.bn1(self.conv1(inputs)))
        return self.relu(self.bn2(self.conv2(features)) + self.down(inputs))


class ResNet(nn.Module):
    """Named as torchvision names it."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.layer1 = nn.Sequential(Block(4, 4), Block(4, 4))
        self.layer2 = nn.Sequential(Block(4, 8), Block(8, 8))
        self.layer3 = nn.Sequential(Block(8, 8), Block(8, 8))
        self.layer4 = nn.Sequential(Block(8, 16), Block(16, 16))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 3)

    def forward(self, images):
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = layer(features)
        return self.fc(self.avgpool(features).flatten(1))


def build_mlp():
    hidden = (layer for _ in range(4) for layer in (nn.Linear(6, 6), nn.ReLU()))
    return nn.Sequential(*hidden, nn.Linear(6, 3))


def build_vgg():
    features = (layer for _ in range(3) for layer in (nn.LazyConv2d(4, 3, padding=1), nn.ReLU()))
    host = nn.Sequential(
        nn.Sequential(*features),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)),
    )
    host(build_batch()[0])
    return host


IMAGES = build_batch()[0]


@pytest.mark.parametrize(
    ("host", "example", "count", "paths"),
    [
        (build_host(), IMAGES, 3, ["2", "5"]),
        (build_host(), IMAGES, 1, ["5"]),
        (build_host(wrap=True), IMAGES, 2, ["net.2", "net.5"]),
        (Wrapped(build_host(wrap=True)), IMAGES, 2, ["net.net.2", "net.net.5"]),
        (build_mlp(), draw(4, 6), 3, ["1", "5", "7"]),
        (build_mlp(), draw(4, 6), 9, ["1", "3", "5", "7"]),
        (ResNet(), IMAGES, 4, ["layer1", "layer2", "layer3", "layer4"]),
        (ResNet(), IMAGES, 2, ["layer2", "layer4"]),
        (ResNet(), IMAGES, 1, ["layer4"]),
        (build_vgg(), IMAGES, 2, ["0.1", "0"]),
        (Decoder(blocks=6), draw_ids(2, 7), 3, ["blocks.1", "blocks.3", "blocks.5"]),
        (Decoder(blocks=3), (draw_ids(2, 7),), 3, ["blocks.0", "blocks.1", "blocks.2"]),
        (Encoder(), draw(2, 7, 8), 2, ["encoder.layers.0", "encoder"]),
        (Padded(), draw_padded(), 2, ["embed", "encoder"]),
        (Recurrent(), draw(2, 7, 5), 3, ["act"]),
        (Classifier(), IMAGES, 2, ["relu", "stage"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_slots_are_proposed_at_the_ends_of_stages(host, example, count, paths):
    slots = propose_slots(host, example, count=count)
    assert list(slots.values()) == paths
    assert list(slots) == [f"r0c{column}" for column in range(len(paths))]
    assert attach(host, slots, example).execution.order == tuple(slots)


def grow_at(host, example, slots):
    model = attach(host, slots, example)
    for slot_id in model.slots:
        walk_to(model, SeedStage.FOSSILIZED, slot_id)
    return detach(model)


@pytest.mark.parametrize(
    ("build", "example", "slots", "count", "paths"),
    [
        (build_host, IMAGES, ["2", "5"], 9, ["2", "5"]),
        (build_mlp, draw(4, 6), ["2", "5"], 9, ["1", "3", "5", "7"]),
        (ResNet, IMAGES, ["layer2"], 4, ["layer1", "layer2", "layer3", "layer4"]),
        (
            lambda: Wrapped(ResNet().layer1),
            draw(2, 4, 6, 6),
            ["net"],
            2,
            ["net.host_module.0", "net.host_module.1"],
        ),
    ],
)
def test_earlier_growth_is_one_place_and_what_seeds_consist_of_is_none(
    build, example, slots, count, paths
):
    network = grow_at(build(), example, slots)
    assert list(propose_slots(network, example, count=count).values()) == paths


def test_every_module_but_the_host_is_described():
    host = Decoder()
    reports = {report.path: report for report in describe_host(host, draw_ids(2, 7))}
    assert list(reports) == [path for path, _ in host.named_modules() if path]
    block = reports["blocks.0"]
    assert (block.type_name, block.parameters, block.output_shape) == ("Attending", 304, (2, 7, 8))
    assert (block.topology, block.refusal, block.is_proposed) == (Topology.SEQUENCE, None, True)
    assert "must run in every pass, got no run" in reports["blocks"].refusal
    assert reports["blocks"].output_shape is None


def test_the_proposed_ones_are_those_of_propose_slots():
    reports = describe_host(ResNet(), IMAGES)
    proposed = [report.path for report in reports if report.is_proposed]
    assert proposed == list(propose_slots(ResNet(), IMAGES).values())


@pytest.mark.parametrize(
    ("host", "example", "path", "text"),
    [
        (Again(), draw(4, 6), "second", "must run once per pass, got 2 runs"),
        (Recurrent(), draw(2, 7, 5), "lstm", "must put out one tensor, got tuple"),
        (nn.Sequential(nn.DataParallel(build_mlp()), nn.Tanh()), draw(4, 6), "0.module", "at '0'"),
    ],
)
def test_a_module_that_can_be_no_slot_says_why(host, example, path, text):
    report = next(report for report in describe_host(host, example) if report.path == path)
    assert text in report.refusal
    assert report.topology is None


def test_a_host_without_a_place_is_refused_with_reasons():
    host = nn.Sequential(nn.Conv1d(5, 4, 3), nn.Conv1d(4, 3, 3))
    with pytest.raises(ShapeError, match=r"can be a slot, got none: '0' must .* \[B, C, L\]"):
        propose_slots(host, draw(2, 5, 9))


def test_a_host_with_nothing_behind_its_modules_is_refused():
    with pytest.raises(ShapeError, match="got none: no module with parametric work behind it"):
        propose_slots(Wrapped(nn.Linear(6, 3)), draw(4, 6))


def test_at_least_one_slot_is_asked_for():
    with pytest.raises(ConfigError, match="count must be at least 1, got 0"):
        propose_slots(build_host(), IMAGES, count=0)


def test_describing_leaves_the_host_alone():
    host = ResNet().train()
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    describe_host(host, IMAGES)
    assert all(torch.equal(t, before[name]) for name, t in host.state_dict().items())

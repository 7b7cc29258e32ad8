"""Structures: equal for hosts that differ in numbers only."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.model.attaching.structure import read_structure
from tests.support.awkward_hosts import Classifier
from tests.support.hosts import build_batch, build_host

INPUTS = build_batch()[0]


def build_pooled(stride=2, width=4):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.AvgPool2d(2, stride), nn.BatchNorm2d(width))


def freeze(host):
    return host.requires_grad_(requires_grad=False)


def test_numbers_modes_and_gradients_are_no_structure():
    used = build_host()
    used(INPUTS).sum().backward()
    assert read_structure(build_host().eval(), INPUTS) == read_structure(used, INPUTS + 1)
    assert read_structure(Classifier(), INPUTS).find_difference(read_structure(used, INPUTS))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (build_pooled(stride=1), "module '1'"),
        (build_pooled(width=5), "module '0'"),
        (freeze(build_pooled()), "parameter '0.weight'"),
        (build_pooled().append(nn.ReLU()), "module '3'"),
        (build_pooled()[:2], "module '2'"),
        (nn.Sequential(*build_pooled()[:2], nn.BatchNorm2d(4, affine=False)), "module '2'"),
    ],
)
def test_another_setting_shape_or_module_is_named(other, difference):
    one = read_structure(build_pooled(), INPUTS)
    assert one.find_difference(read_structure(other, INPUTS)) == difference


def test_another_kind_of_buffer_is_named():
    cast = build_pooled()
    cast[2].running_mean = cast[2].running_mean.double()
    one = read_structure(build_pooled(), INPUTS)
    assert one.find_difference(read_structure(cast, INPUTS)) == "buffer '2.running_mean'"


def test_the_example_and_mixed_precision_belong_to_it():
    host = build_host()
    one = read_structure(host, INPUTS)
    assert one.find_difference(read_structure(host, (INPUTS, INPUTS))) == "example"
    with torch.autocast("cpu", torch.bfloat16):
        assert one.find_difference(read_structure(host, INPUTS)) == "mixed precision"

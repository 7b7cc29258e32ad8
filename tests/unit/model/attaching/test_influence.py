"""Influence: a host must stand a module behind its own, and gradients must reach it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tamiyo.model.attaching.influence import find_gradient_refusals, find_wrapping_refusals
from tamiyo.model.attaching.trial import Trial
from tests.support.awkward_hosts import (
    Again,
    Called,
    Classifier,
    Padded,
    build_frozen_backbone,
    build_in_place,
    build_mlp,
    draw,
    draw_padded,
)


def choosy(self, x):
    return self.head(self.body(self.first(x))) * isinstance(self.body, nn.Linear)


def ending(function):
    return Called(lambda self, x: function(self.body(x)), body=build_mlp())


def build_choosy():
    parts = {"first": nn.Linear(6, 6), "body": nn.Linear(6, 6), "head": nn.Linear(6, 3)}
    return Called(choosy, **parts)


def test_only_the_module_that_cannot_be_wrapped_is_blamed():
    trial = Trial(build_choosy(), draw(4, 6))
    found = find_wrapping_refusals(trial, ["first", "body", "head"])
    assert list(found) == ["body"]
    assert "got outputs that differ once it is wrapped: let the host do" in found["body"]


def test_a_module_that_puts_out_nested_tensors_is_told_how_to_put_out_others():
    trial = Trial(Padded(), draw_padded())
    found = find_wrapping_refusals(trial, ["encoder.layers.0", "encoder"])
    assert list(found) == ["encoder.layers.0"]
    assert "got a nested tensor in evaluation mode: build the nn.Tran" in found["encoder.layers.0"]
    plain = Trial(Padded(is_packed=False), draw_padded())
    assert find_wrapping_refusals(plain, ["encoder.layers.0", "encoder"]) == {}


def test_a_host_that_draws_from_elsewhere_is_not_held_to_its_outputs():
    generator = np.random.default_rng(0)
    host = Called(
        lambda self, x: self.head(self.body(x)) + generator.random(),
        body=nn.Linear(6, 6),
        head=nn.Linear(6, 3),
    )
    assert find_wrapping_refusals(Trial(host, draw(4, 6)), ["body"]) == {}


def test_outputs_that_are_not_numbers_are_equal_to_themselves():
    host = Called(lambda self, x: self.body(x) / 0 * 0, body=nn.Linear(6, 6))
    assert find_wrapping_refusals(Trial(host, draw(4, 6)), ["body"]) == {}


@pytest.mark.parametrize(
    ("host", "example", "refused"),
    [
        (Classifier(), draw(4, 1, 6, 6), {}),
        (Classifier(), draw(1, 1, 1, 1), {}),
        (build_mlp().requires_grad_(False), draw(4, 6), {}),
        (
            build_frozen_backbone(),
            draw(4, 6),
            {"body": "got no gradient: its output is under no_grad"},
        ),
        (build_in_place(), draw(4, 1, 6, 6), {"same": "modified by an inplace operation"}),
        (Again(is_checkpointed=True), draw(4, 6), {"first": "got CheckpointError"}),
        (ending(torch.detach), draw(4, 6), {"body": "no gradient"}),
        (ending(torch.argmax), draw(4, 6), {"body": "no gradient"}),
        (ending(torch.Tensor.tolist), draw(4, 6), {}),
        (ending(torch.fft.fft), draw(4, 6), {}),
    ],
)
def test_a_seed_must_be_trainable_where_it_is(host, example, refused):
    names = {"stage", "1", "neck", "body", "same", "act", "first"}
    paths = [path for path, _ in host.named_children() if path in names]
    before = [parameter.requires_grad for parameter in host.parameters()]
    found = find_gradient_refusals(Trial(host, example), paths)
    assert list(found) == list(refused)
    assert all(text in found[path] for path, text in refused.items())
    assert all(parameter.grad is None for parameter in host.parameters())
    assert [parameter.requires_grad for parameter in host.parameters()] == before


def test_gradients_are_on_for_the_trial_whatever_they_are_outside():
    with torch.no_grad():
        assert find_gradient_refusals(Trial(build_mlp(), draw(4, 6)), ["1"]) == {}


def test_nothing_to_check_is_nothing_to_refuse():
    assert find_gradient_refusals(Trial(build_mlp(), draw(4, 6)), []) == {}

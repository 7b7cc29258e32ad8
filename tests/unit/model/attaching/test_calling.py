"""Calling: one packed form for whatever a host takes, and the tensors in what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tamiyo.model import call_host
from tamiyo.model.attaching.calling import list_tensors, map_tensors

ONE, TWO = torch.ones(2), torch.zeros(3)


class Echo(nn.Module):
    """Returns what it was called with."""

    def forward(self, *inputs, **options):
        return inputs, options


@dataclass
class Pair:
    first: torch.Tensor
    rest: list


PACKED = nn.utils.rnn.pack_sequence([ONE])
NESTED = torch.nested.nested_tensor([ONE, TWO], layout=torch.jagged)


@pytest.mark.parametrize(
    ("inputs", "args", "kwargs"),
    [
        (ONE, (ONE,), {}),
        ((ONE, 2), (ONE, 2), {}),
        ((), (), {}),
        ({"a": ONE}, (), {"a": ONE}),
        ([ONE, 2], (ONE, 2), {}),
        (([ONE],), ([ONE],), {}),
        (PACKED, (PACKED,), {}),
        (None, (None,), {}),
    ],
)
def test_inputs_are_unpacked_by_their_kind(inputs, args, kwargs):
    assert call_host(Echo(), inputs) == (args, kwargs)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (ONE, 1),
        ((ONE, [TWO, {"a": ONE}], 3), 3),
        (Pair(ONE, [TWO]), 2),
        (SimpleNamespace(logits=ONE, name="n"), 1),
        (None, 0),
        ("text", 0),
        ((NESTED, ONE), 1),
    ],
)
def test_tensors_are_found_wherever_they_are(value, count):
    assert len(list_tensors(value)) == count


def test_a_batch_collated_by_a_loader_is_what_was_collated():
    samples = [((ONE, TWO), 0), ((ONE, TWO), 1)]
    (inputs, _targets), *_ = torch.utils.data.DataLoader(samples, batch_size=2)
    args, _options = call_host(Echo(), inputs)
    assert [tuple(tensor.shape) for tensor in args] == [(2, 2), (2, 3)]


def test_a_value_that_holds_itself_is_walked_once():
    value = [ONE]
    value.append(value)
    assert len(list_tensors(value)) == 1


def test_tensors_are_changed_in_place_of_the_old_ones_and_the_rest_is_kept():
    changed = map_tensors({"a": (ONE, [TWO]), "b": 3}, lambda tensor: tensor + 1)
    assert changed["a"][0].tolist() == [2, 2]
    assert changed["a"][1][0].tolist() == [1, 1, 1]
    assert changed["b"] == 3
    assert ONE.tolist() == [1, 1]

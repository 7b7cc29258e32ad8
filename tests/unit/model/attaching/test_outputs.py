"""Outputs: which shapes seeds can work on, and what is said of the others."""

from __future__ import annotations

import pytest
import torch

from tamiyo.model.attaching.observing import Observation, Sighting
from tamiyo.model.attaching.outputs import find_output_refusal


def refusal_of(shape, *, axis=None, dtype=torch.float32, runs=1):
    run = Sighting(
        path="there",
        kind="tuple" if shape is None else "Tensor",
        shape=shape,
        dtype=None if shape is None else dtype,
        device=None if shape is None else torch.device("cpu"),
        work=1,
        channel_axis=axis,
        parameter=None,
        is_final=False,
    )
    return find_output_refusal(Observation((run,) * runs, 1), "there")


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((2, 8, 5, 5), 1), ((2, 8, 5, 5), None), ((2, 7, 8), -1), ((2, 7, 8), None), ((2, 8), None)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_maps_sequences_and_vectors_of_any_floating_dtype_can_be_slots(shape, axis, dtype):
    assert refusal_of(shape, axis=axis, dtype=dtype) is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shape": (2, 8), "runs": 0}, "must run in every pass, got no run"),
        ({"shape": (2, 8), "runs": 3}, "must run once per pass, got 3 runs"),
        ({"shape": None}, "must put out one tensor, got tuple"),
        ({"shape": (2, 8), "dtype": torch.int64}, "got torch.int64"),
        ({"shape": (2, 8), "dtype": torch.complex64}, "got torch.complex64"),
        ({"shape": (2, 8, 5), "axis": 1}, "got [2, 8, 5], which is [B, C, L]: name a module"),
        ({"shape": (2, 5, 5, 8), "axis": -1}, "which is [B, H, W, C]"),
        ({"shape": (2, 8, 3, 5, 5), "axis": 1}, "which is [B, C, D, H, W]"),
        ({"shape": (2, 8, 3, 5, 5)}, "got [2, 8, 3, 5, 5]: name another"),
        ({"shape": ()}, "got []"),
        ({"shape": (2, 1)}, "at least 2 numbers to normalize over, got [2, 1]"),
        ({"shape": (2, 1, 1, 1)}, "at least 2 numbers to normalize over, got [2, 1, 1, 1]"),
        ({"shape": (2, 9, 1)}, "at least 2 numbers to normalize over, got [2, 9, 1]"),
    ],
)
def test_everything_else_is_refused_with_what_was_found(arguments, text):
    assert text in refusal_of(**arguments)

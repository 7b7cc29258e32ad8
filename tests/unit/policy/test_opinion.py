"""Probabilities of a decision by the names of heads and choices."""

from __future__ import annotations

from math import nan

import pytest
import torch

from tamiyo.contracts import LifecycleOp, build_action_spec
from tamiyo.policy import name_probabilities

SPEC = build_action_spec(("r0c0", "r0c1"))
WIDTH = max(SPEC.nvec)


def build(done, **heads):
    """Probabilities of one decision, NaN where nothing is legal."""
    rows = torch.full((len(SPEC.heads), WIDTH), nan)
    for name, row in heads.items():
        rows[SPEC.names.index(name), : len(row)] = torch.tensor(row)
    action = torch.zeros(len(SPEC.heads), dtype=torch.int64)
    action[0] = done
    return action, rows


def test_legal_choices_are_named_and_others_left_out():
    action, rows = build(LifecycleOp.PRUNE, op=[0.25, nan, nan, 0.75], slot=[nan, 1.0])
    named = name_probabilities(SPEC, action, rows)
    assert named["op"] == {"WAIT": 0.25, SPEC.heads[0].choices[3]: 0.75}
    assert named["slot"] == {"r0c1": 1.0}


def test_a_legal_choice_that_is_hardly_possible_is_not_left_out():
    action, rows = build(LifecycleOp.WAIT, op=[1.0, 0.0])
    assert name_probabilities(SPEC, action, rows)["op"] == {"WAIT": 1.0, "GERMINATE": 0.0}


@pytest.mark.parametrize("op", LifecycleOp)
def test_only_heads_that_the_op_uses_are_told(op):
    action, rows = build(op)
    assert set(name_probabilities(SPEC, action, rows)) == SPEC.used_when[op]

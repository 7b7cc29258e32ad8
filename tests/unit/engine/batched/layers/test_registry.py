"""What is true of every registered layer."""

from __future__ import annotations

import pytest
from torch import nn

from tamiyo.engine.batched.bank import Chosen
from tamiyo.engine.batched.layers import Layout, Rows, find_batched
from tamiyo.engine.batched.layers.registry import _FORMS
from tests.support.stacked import (
    LAYERS,
    assert_runs_alike,
    assert_runs_close,
    make_bank,
    run_plainly,
    run_stacked,
    seeded,
)

per_layer = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)


def test_the_cases_are_all_layers_there_are():
    built = {type(part) for case in LAYERS.values() for part in case.build().modules()}
    assert set(_FORMS) <= built


@per_layer
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_layer_computes_what_each_network_would_alone(case, training):
    for count in (1, 2, 5):
        networks = range(count)
        ours = run_stacked(case, networks, training=training)
        assert_runs_close(ours, run_plainly(case, networks, training=training))


@per_layer
def test_a_network_comes_to_the_same_bytes_whatever_stands_beside_it(case):
    alone = {network: run_stacked(case, [network]) for network in (0, 1, 4)}
    for networks in ([1, 0], [0, 1, 2, 3, 4], [4, 3, 1, 0, 2], [4, *range(5, 35), 1]):
        crowd = run_stacked(case, networks)
        for network in alone.keys() & set(networks):
            assert_runs_alike(crowd, networks.index(network), alone[network], 0)


def test_a_layer_without_a_batched_form_is_told_apart_from_its_base():
    class Own(nn.Linear):
        pass

    assert find_batched(nn.Linear(1, 1)).layout == Layout.SAMPLES
    assert find_batched(Own(1, 1)) is None


def test_rows_read_one_layer_of_a_bank():
    networks = [nn.Sequential(nn.ReLU(), nn.Linear(2, 3)) for _ in range(4)]
    bank, generators = make_bank(networks), (seeded(0), seeded(1))
    rows = Rows(bank, "1.")
    assert rows.count == 4
    assert rows["weight"].shape == (4, 3, 2)
    assert rows.keeps_statistics
    with bank.choosing(Chosen(is_fixed=True, generators=generators)):
        assert rows.generators == generators
        assert not rows.keeps_statistics

from __future__ import annotations

from tamiyo.contracts import Style
from tamiyo.engine.batched.variants import VariantTable

ON, HALF = ((Style.LINEAR_ADD, 1.0),), ((Style.LINEAR_ADD, 0.5),)


def own_weights(_environment, _slot_id):
    return ON


def test_variants_are_one_network_until_they_differ():
    table = VariantTable([[{}, {"b": ()}], [{}]], is_shared=True)
    assert table.environments == [0, 1]
    assert table.branch("a", own_weights) == (None, [ON, ON])
    assert table.branch("b", own_weights) == ([0, 0, 1], [ON, (), ON])
    assert table.environments == [0, 0, 1]
    assert table.places() == [0, 1, 2]


def test_variants_that_agree_again_stay_apart():
    table = VariantTable([[{"a": ()}, {"a": HALF}, {"a": ()}]], is_shared=True)
    assert table.branch("a", own_weights) == ([0, 0], [(), HALF])
    assert table.branch("b", own_weights) == (None, [ON, ON])
    assert table.places() == [0, 1, 0]


def test_an_override_that_is_the_own_weight_is_no_difference():
    table = VariantTable([[{}, {"a": ON}]], is_shared=True)
    assert table.branch("a", own_weights)[0] is None


def test_variants_of_whole_passes_are_apart_from_the_start():
    table = VariantTable([[{}, {"b": ()}], [{}]], is_shared=False)
    assert table.environments == [0, 0, 1]
    assert table.branch("b", own_weights) == (None, [ON, (), ON])
    assert table.places() == [0, 1, 2]

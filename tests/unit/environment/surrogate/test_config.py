"""What a family of synthetic hosts may be."""

from __future__ import annotations

import pytest

from tamiyo.contracts import Blueprint, ConfigError
from tamiyo.environment.surrogate.config import SurrogateConfig


def test_the_task_has_the_epochs_and_the_rent_of_the_family():
    task = SurrogateConfig(max_epochs=12, closing_epochs=2, rent_points=3.0).task
    assert (task.max_epochs, task.decision_epochs, task.rent_points) == (12, 10, 3.0)


def test_slots_are_named_in_the_order_of_the_slot_head():
    assert SurrogateConfig(slots=2).slot_ids == ("r0c0", "r0c1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slots": 0}, "slots must be at least 1, got 0"),
        ({"slots": 65}, "slots must be at most 64, got 65"),
        ({"max_epochs": 10**9}, "max_epochs must be at most 10000, got 1000000000"),
        ({"host_parameters": 10**30}, "host_parameters must be at most 1000000000000, got 10000"),
        ({"rent_points": 1e308}, "rent_points must be at most 1000000.0, got 1e"),
        ({"variation": 1e300}, "variation must be at most 10, got 1e"),
        ({"most_points": float("inf")}, "most_points must be above 0 and finite, got inf"),
        ({"noise_points": float("inf")}, "noise_points must be finite, got inf"),
        ({"noise_points": -1.0}, "noise_points must be at least 0, got -1.0"),
        ({"most_points": 0.0}, "most_points must be above 0 and finite, got 0.0"),
        ({"needs": ()}, r"needs must be one or more different ones of .*, got \(\)"),
        ({"needs": ("capacity", "capacity")}, "needs must be one or more different ones"),
        ({"needs": ("luck",)}, r"needs must be .*, got \('luck',\)"),
        ({"blueprints": (Blueprint.LORA,)}, "blueprints must be one or more different ones"),
        ({"reward": "much"}, "reward must be sparse or shaped, got 'much'"),
        ({"max_epochs": 5}, "epochs must be more than the 5 closing epochs"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_value(change, message):
    with pytest.raises(ConfigError, match=message):
        SurrogateConfig(**change)

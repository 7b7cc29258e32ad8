from __future__ import annotations

import pytest

from tamiyo.contracts import (
    ActionSpec,
    ArtifactError,
    ConfigError,
    ObservationSpec,
    SlotBlock,
    build_action_spec,
)
from tamiyo.learning.specs import Specs, check_specs

GROWTH = Specs(
    build_action_spec(("r0c0", "r0c1")),
    ObservationSpec(
        size=9, slots=2, slot_blocks=(SlotBlock(offset=3, size=3),), slot_head="slot", version="a"
    ),
)
FLAT = Specs(ActionSpec.independent([3, 2]), ObservationSpec(size=4))


@pytest.mark.parametrize("specs", [GROWTH, FLAT], ids=["growth", "flat"])
def test_specifications_come_back_as_they_were(specs):
    assert Specs.decode(specs.encode()) == specs


def test_other_specifications_are_refused_with_both():
    check_specs(GROWTH, GROWTH)
    with pytest.raises(ArtifactError, match=r"layout a \(9\).*, got layout flat \(4\)"):
        check_specs(GROWTH, FLAT)


def test_specifications_of_something_else_are_refused():
    with pytest.raises(ArtifactError, match="got KeyError: 'actions'"):
        Specs.decode({})


def test_slots_are_counted_before_they_are_listed():
    encoded = GROWTH.encode()
    encoded["observation"]["slots"] = 10**12
    with pytest.raises(ConfigError, match="for 1000000000000 slots, got"):
        Specs.decode(encoded)

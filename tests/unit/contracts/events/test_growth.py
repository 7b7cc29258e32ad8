"""Events of growth: what they say in their plain form."""

from __future__ import annotations

from tamiyo.contracts import SeedFossilized, SeedStage, StageChanged, encode_event
from tests.support.reports import build_gain


def test_a_fossil_is_written_with_its_worth():
    event = SeedFossilized(
        environment=0,
        epoch=3,
        slot_id="r0c0",
        seed_id="r0c0-1-norm",
        parameters=12,
        alpha=0.5,
        contribution=build_gain(2.0, points_error=0.5, loss=0.1, loss_error=0.01),
        improvement_points=None,
        reason="",
    )
    plain = encode_event(event)
    assert plain["contribution"]["points"] == 2.0
    assert plain["improvement_points"] is None


def test_a_free_slot_is_the_stage_none():
    event = StageChanged(
        environment=0,
        epoch=4,
        slot_id="r0c0",
        seed_id="r0c0-1-norm",
        from_stage=None,
        to_stage=SeedStage.GERMINATED,
        alpha=0.0,
        epochs_in_stage=0,
    )
    plain = encode_event(event)
    assert (plain["from_stage"], plain["to_stage"]) == (None, "GERMINATED")

"""Events of the training of a controller: what they say in their plain form."""

from __future__ import annotations

import pytest

from tamiyo.contracts import AlarmKind, AlarmRaised, PhasesTimed, encode_event


@pytest.mark.parametrize("kind", AlarmKind)
def test_an_alarm_is_written_with_its_kind_by_name(kind):
    plain = encode_event(AlarmRaised(kind=kind, message="ratio rose to 7.1", steps=1_600))
    assert plain["kind"] == kind.name


def test_the_phases_of_a_round_are_written_in_seconds():
    plain = encode_event(PhasesTimed(steps=8, seconds={"train": 2.5, "other": 0.5}))
    assert plain["seconds"] == {"train": 2.5, "other": 0.5}

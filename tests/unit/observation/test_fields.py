"""Fields and features: one quantity may be several fields side by side."""

from __future__ import annotations

from tamiyo.observation import ObservationField
from tamiyo.observation.fields import Feature, Scale

SCALE = Scale("points / 100", -1, 1, lambda _, points: points / 100, unknown=-2)


def test_a_feature_of_one_field_has_its_name():
    feature = Feature("accuracy", SCALE, "control accuracy", lambda m: m)
    expected = ObservationField(
        name="slot1.accuracy",
        unit="points / 100",
        low=-1,
        high=1,
        unknown=-2,
        meaning="control accuracy",
    )
    assert feature.build_fields("slot1.") == [expected]
    assert feature.size == 1


def test_a_feature_with_places_has_a_field_for_each():
    feature = Feature("history", SCALE, "accuracies", lambda m: m, ("1", "2"))
    fields = feature.build_fields("")
    assert [field.name for field in fields] == ["history_1", "history_2"]
    assert {field.meaning for field in fields} == {"accuracies"}
    assert feature.size == 2

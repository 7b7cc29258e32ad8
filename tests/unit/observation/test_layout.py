"""The layout: sizes, order and place of every field."""

from __future__ import annotations

import pytest

from tamiyo.contracts import ConfigError, Head, SlotBlock
from tamiyo.observation import build_layout

BASE = """
epoch global_step train_loss control_loss loss_delta train_accuracy control_accuracy accuracy_delta
plateau_epochs best_accuracy best_loss
loss_history_1 loss_history_2 loss_history_3 loss_history_4 loss_history_5
accuracy_history_1 accuracy_history_2 accuracy_history_3 accuracy_history_4 accuracy_history_5
parameters seed_utilization
"""
STAGES = """
stage_unknown stage_dormant stage_germinated stage_training stage_blending stage_holding
stage_fossilized stage_pruned stage_embargoed stage_resetting
"""
SCHEDULE = "alpha_target alpha_mode steps_total steps_done steps_left alpha_velocity algorithm"
SLOT = f"""
active {STAGES} alpha contribution contribution_velocity tempo {SCHEDULE}
interaction_sum boost alpha_upstream alpha_downstream
blueprint_noop blueprint_conv_light blueprint_attention blueprint_norm blueprint_depthwise
blueprint_bottleneck blueprint_conv_small blueprint_conv_heavy blueprint_lora blueprint_lora_large
blueprint_mlp_small blueprint_mlp blueprint_flex_attention
"""
TELEMETRY = f"""
{STAGES} gradient_norm gradient_health gradient_vanishing gradient_exploding epochs_in_stage
accuracy improvement alpha epoch {SCHEDULE}
"""


def repeat(names, prefix, slots):
    return [f"slot{slot}.{prefix}{name}" for slot in range(slots) for name in names.split()]


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
@pytest.mark.parametrize("telemetry", [False, True])
@pytest.mark.requirement("1.1")
def test_fields_come_in_the_documented_order(slots, telemetry):
    expected = BASE.split() + repeat(SLOT, "", slots)
    if telemetry:
        expected += repeat(TELEMETRY, "telemetry.", slots)
    layout = build_layout(slots, telemetry=telemetry)
    assert [field.name for field in layout.fields] == expected
    assert [layout.index(name) for name in expected] == list(range(layout.size))


@pytest.mark.parametrize(
    ("slots", "telemetry", "size"), [(1, False, 62), (3, False, 140), (3, True, 218)]
)
@pytest.mark.requirement("0.3", "1.1")
def test_an_observation_has_23_fields_and_39_or_65_per_slot(slots, telemetry, size):
    assert build_layout(slots, telemetry=telemetry).size == size


@pytest.mark.requirement("0.3", "1.1")
def test_documented_offsets_hold():
    layout = build_layout(3, telemetry=True)
    names = ["train_loss", "train_accuracy", "loss_history_1", "parameters", "slot0.active"]
    assert [layout.index(name) for name in names] == [2, 5, 11, 21, 23]
    assert layout.index("slot2.alpha") == 23 + 2 * 39 + 11
    assert layout.index("slot2.blueprint_noop") == 23 + 2 * 39 + 26
    assert layout.index("slot2.telemetry.gradient_norm") == 23 + 3 * 39 + 2 * 26 + 10


def test_a_learner_is_told_where_the_slots_lie():
    spec = build_layout(2, telemetry=True).spec
    assert spec.slot_blocks == (SlotBlock(offset=23, size=39), SlotBlock(offset=101, size=26))
    assert (spec.size, spec.slots, spec.slot_head) == (153, 2, Head.SLOT)
    assert spec.base_indices == tuple(range(23))
    assert len(spec.slot_indices[1]) == 65


def test_the_version_tells_layouts_apart_but_not_numbers_of_slots():
    versions = {
        (slots, telemetry): build_layout(slots, telemetry=telemetry).spec.version
        for slots in (1, 3)
        for telemetry in (False, True)
    }
    assert versions[1, False] == versions[3, False] == "growth-1/39"
    assert versions[1, True] == versions[3, True] == "growth-1/39+26"


@pytest.mark.requirement("1.1")
def test_codes_of_the_unknown_lie_below_the_range_and_are_never_zero():
    for field in build_layout(1, telemetry=True).fields:
        assert field.low < field.high
        assert field.unknown is None or field.unknown < min(field.low, 0)


def test_a_layout_without_slots_is_refused():
    with pytest.raises(ConfigError, match="slots must be at least 1, got 0"):
        build_layout(0)


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"describe observation.* got 'slot3\.alpha'"):
        build_layout(3).index("slot3.alpha")

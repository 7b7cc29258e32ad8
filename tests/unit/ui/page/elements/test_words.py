"""Plain words of the page."""

from __future__ import annotations

import pytest

from tamiyo.contracts import LifecycleOp, RewardParts, SeedStage
from tamiyo.ui.page.elements.words import (
    GLOSSARY,
    OPS,
    REWARD_PARTS,
    STAGES,
    count,
    define,
    name_op,
    name_stage,
    write_points,
)


def test_every_stage_op_and_reward_part_has_words():
    assert set(STAGES) == {stage.name for stage in SeedStage} - {"UNKNOWN", "DORMANT"}
    assert set(OPS) == {op.name for op in LifecycleOp}
    assert set(REWARD_PARTS) == set(vars(RewardParts()))


def test_what_is_not_known_keeps_its_name():
    assert (name_stage("NEW_STAGE"), name_op("NEW_OP")) == ("new_stage", "new_op")


def test_a_defined_word_can_be_reached_by_keyboard():
    written = define("alpha", "Alpha")
    assert 'tabindex="0"' in written
    assert GLOSSARY["alpha"] in written
    with pytest.raises(KeyError):
        define("no such word")


def test_unknown_points_are_not_zero():
    assert write_points(None) == "unknown"
    assert write_points(0.0) == "+0.0 points"
    assert count(1, "seed") == "1 seed"
    assert count(0, "seed") == "0 seeds"

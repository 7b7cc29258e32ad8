from __future__ import annotations

import re

from tamiyo.contracts import COOLDOWN_STAGES, SeedStage
from tamiyo.ui.report.palette import STAGES


def test_every_stage_that_rests_in_a_slot_has_a_look():
    assert set(STAGES) == set(SeedStage) - {SeedStage.UNKNOWN, SeedStage.DORMANT}


def test_living_stages_have_colors_of_their_own():
    colors = [color for stage, (_, color) in STAGES.items() if stage not in COOLDOWN_STAGES]
    assert len(set(colors)) == len(colors)
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in colors)


def test_the_stages_after_a_prune_look_the_same():
    assert len({STAGES[stage] for stage in COOLDOWN_STAGES}) == 1

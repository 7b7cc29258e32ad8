from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.recipes import RunConfig, run_seeds
from tamiyo.recipes.comparison.seeds import count_rows
from tamiyo.recipes.comparison.static import STATIC_ROWS

WAITING = RunConfig(task="digits-cnn", epochs=11, controller="wait-only")


def test_a_seed_gives_the_same_beside_others_as_alone_and_all_is_reported():
    told = []
    arms = {"grown": replace(WAITING, controller="random-legal"), "waiting": WAITING}
    together = run_seeds(arms, "grown", [7, 8], told.append)
    assert together[1:] == run_seeds(arms, "grown", [8])
    assert list(together[0]) == ["grown", *STATIC_ROWS, "waiting"]
    assert together[0]["grown"] != together[1]["grown"]
    assert count_rows(arms, "grown") == 6
    assert sum(told) == pytest.approx(12)


def test_without_a_grown_arm_the_arms_are_all_there_is():
    told = []
    assert [list(rows) for rows in run_seeds({"a": WAITING}, None, [3], told.append)] == [["a"]]
    assert count_rows({"a": WAITING}, None) == 1
    assert sum(told) == pytest.approx(1)

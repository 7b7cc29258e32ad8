"""The parts of a reward and the counters of an episode begin at nothing."""

from __future__ import annotations

import pytest

from tamiyo.contracts import EpisodeCounters, RewardParts


def test_a_step_that_pays_nothing_is_worth_nothing():
    assert RewardParts().total == 0.0


@pytest.mark.requirement("7.1")
def test_every_part_counts():
    for name in vars(RewardParts()):
        assert RewardParts(**{name: 2.5}).total == 2.5


def test_a_delay_without_a_scaffold_is_unknown():
    assert EpisodeCounters().scaffold_delay_epochs is None

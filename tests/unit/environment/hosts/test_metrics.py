"""What episodes came to, over a rollout that may be interrupted."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import GAIN_METRIC, THRASHING_METRIC, EpisodeCounters, RewardParts
from tamiyo.environment.hosts.cohort import EpisodeEnd
from tamiyo.environment.hosts.metrics import EpisodeMetrics

PARTS = list(RewardParts.__dataclass_fields__)


def build_end(score, *, host_score=None, diverged=False, is_thrashing=False):
    counters = EpisodeCounters(seeds_created=3, seeds_fossilized=1, prunes=2)
    return EpisodeEnd(
        score=score,
        host_score=host_score,
        parameters=500,
        committed=(0,),
        diverged=diverged,
        counters=counters,
        is_thrashing=is_thrashing,
    )


def test_what_was_never_measured_is_left_out():
    metrics = EpisodeMetrics()
    assert metrics.compute() == {}
    metrics.take(np.ones((2, len(PARTS))), [])
    assert set(metrics.compute()) == {f"reward/{name}" for name in PARTS}
    metrics.take(np.ones((2, len(PARTS))), [build_end(60.0)])
    assert GAIN_METRIC not in metrics.compute()


def test_parts_are_means_over_steps_and_all_else_over_episodes():
    metrics = EpisodeMetrics()
    metrics.take(np.full((2, len(PARTS)), 1.0), [])
    ends = [
        build_end(60.0, host_score=58.0, is_thrashing=True),
        build_end(70.0, host_score=74.0, diverged=True),
    ]
    metrics.take(np.full((2, len(PARTS)), 3.0), ends)
    found = metrics.compute()
    assert found[f"reward/{PARTS[0]}"] == 2.0
    assert (found["episode/score_points"], found[GAIN_METRIC]) == (65.0, -1.0)
    assert (found["episode/diverged_fraction"], found["episode/prunes"]) == (0.5, 2.0)
    assert found[THRASHING_METRIC] == 0.5


def test_all_that_is_counted_in_an_episode_is_told():
    metrics = EpisodeMetrics()
    metrics.take(np.ones((1, len(PARTS))), [build_end(60.0)])
    counted = {f"episode/{name}" for name in EpisodeCounters.__dataclass_fields__}
    assert counted - set(metrics.compute()) == {"episode/scaffold_delay_epochs"}  # there was none


def test_a_gain_is_the_mean_over_the_episodes_that_have_a_twin():
    metrics = EpisodeMetrics()
    metrics.take(np.ones((1, len(PARTS))), [build_end(60.0), build_end(70.0, host_score=69.0)])
    assert metrics.compute()[GAIN_METRIC] == 1.0


@pytest.mark.parametrize("ends", [[], [build_end(60.1), build_end(70.3, host_score=69.9)]])
def test_what_was_saved_goes_on_elsewhere_and_no_longer_changes(ends):
    metrics, other = EpisodeMetrics(), EpisodeMetrics()
    parts = np.random.default_rng(0).normal(size=(3, len(PARTS)))
    metrics.take(parts, ends)
    saved = metrics.state_dict()
    metrics.take(parts, [build_end(50.0)])
    other.load_state_dict(saved)
    other.take(parts, [build_end(50.0)])
    assert other.compute() == metrics.compute()

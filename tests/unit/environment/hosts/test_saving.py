"""Cohorts as arrays and back, at several points of their lives at once."""

from __future__ import annotations

import numpy as np

from tamiyo.environment.hosts.saving import join_cohorts, split_cohorts

HEADS = 8


class Recorded:
    """Stands where a cohort would, and notes what it is told."""

    def __init__(self, seeds, running, steps):
        self.seeds = seeds
        self.courses = dict.fromkeys(running)
        self.actions = [np.full((len(seeds), HEADS), step) for step in range(steps)]
        self.told = []

    def drop(self, rows):
        self.told.append(("drop", list(rows)))

    def step(self, actions):
        self.told.append(("step", actions.copy()))

    def take_events(self):
        self.told.append(("events", None))


def test_what_is_joined_comes_apart_again():
    cohorts = [Recorded({0: 11, 2: 13}, [2], 3), Recorded({1: 12}, [1], 0)]
    first, second = split_cohorts(join_cohorts(cohorts, HEADS))
    assert (first.seeds, first.running) == ({0: 11, 2: 13}, {2})
    assert (second.seeds, second.running) == ({1: 12}, {1})
    np.testing.assert_array_equal(first.actions, np.stack(cohorts[0].actions))
    assert second.actions.shape == (0, 1, HEADS)


def test_no_cohort_is_saved_as_nothing():
    assert list(split_cohorts(join_cohorts([], HEADS))) == []


def test_who_had_left_leaves_before_the_same_step():
    saved = Recorded({0: 11, 1: 12, 2: 13}, [2], 2)
    saved.actions[1][0] = -1
    (one,) = split_cohorts(join_cohorts([saved], HEADS))
    replayed = Recorded(saved.seeds, [], 0)
    one.replay(replayed)
    kinds = [(kind, rows) for kind, rows in replayed.told if kind == "drop"]
    assert kinds == [("drop", []), ("drop", [0]), ("drop", [0, 1])]
    assert [kind for kind, _ in replayed.told] == ["drop", "step", "drop", "step", "drop", "events"]

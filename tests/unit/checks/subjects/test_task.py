"""Evidence on a task: how much is played depends on what an epoch costs."""

from __future__ import annotations

import pytest

from tamiyo.checks.subjects import task as subject
from tamiyo.contracts import UnknownNameError
from tamiyo.tasks import get_task, list_tasks


def test_less_is_played_where_an_epoch_is_dear():
    played = {name: subject._choose_extent(get_task(name)).played for name in list_tasks()}
    assert played["stdlib-text"] < played["digits-cnn"] == 8


def test_rollouts_cut_episodes():
    for extent in (subject._SMALL, subject._LARGE):
        assert extent.decisions % extent.rollout_steps
        assert extent.decisions < 2 * extent.rollout_steps


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match="got 'nothing'"):
        subject.observe_task("nothing", seed=0, on_progress=print)


@pytest.mark.slow
def test_a_task_is_played_learned_on_and_grown():
    said = []
    evidence = subject.observe_task("digits-mlp", seed=0, on_progress=said.append)
    assert len(said) == 3
    assert len(evidence.courses) == 8
    assert evidence.failures == ()
    assert evidence.rehearsal is not None
    assert evidence.cycles is not None
    assert evidence.cycles.count == 40

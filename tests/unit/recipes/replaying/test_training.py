from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.recipes import read_recorded_run
from tamiyo.recipes.replaying.training import rebuild_host_of_episode
from tests.support.host_envs import QUICK
from tests.support.replayed import log_episode


@pytest.fixture(scope="module")
def events():
    return log_episode(QUICK, seed=3, environment=2, episode=4)


def rebuild(run):
    seen = []
    rebuilt = rebuild_host_of_episode(QUICK, run, lambda done, epochs: seen.append((done, epochs)))
    return rebuilt, seen


def test_an_episode_is_told_as_its_log_tells_it(events):
    run = read_recorded_run(events)
    rebuilt, seen = rebuild(run)
    assert [event["event"] for event in rebuilt.events] == [event["event"] for event in events]
    assert seen == [(epoch, 14) for epoch in range(1, 15)]
    assert rebuilt.recipe["name"] == QUICK.build_task().host.name
    first, last = rebuilt.events[0], rebuilt.events[-1]
    assert (first["event"], first["seed"], first["episode"]) == ("EpisodeStarted", 3, 4)
    assert (last["event"], last["environment"]) == ("EpisodeFinished", 2)
    assert last["score"] is not None


def test_an_episode_is_rebuilt_as_far_as_it_came(events):
    ends = [n for n, event in enumerate(events) if event["event"] == "EpochCompleted"]
    run = read_recorded_run(events[: ends[2] + 1])
    rebuilt, seen = rebuild(run)
    assert (len(seen), rebuilt.events[-1]["score"]) == (3, None)


def test_a_decision_that_is_missing_is_refused(events):
    kept = [event for event in events if event["event"] != "DecisionMade" or event["epoch"] != 2]
    with pytest.raises(ArtifactError, match="decision of epoch 2, got those of 1, 3, 4"):
        rebuild(read_recorded_run(kept))

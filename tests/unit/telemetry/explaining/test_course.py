from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError, ConfigError, EpochCompleted
from tamiyo.telemetry import find_course, read_courses
from tests.support.events import build_run, build_twin
from tests.support.explained import build_episodes, encode

RUN = encode([*build_run(), build_twin()])
EPISODES = encode(build_episodes())


def count_epochs(course):
    return sum(isinstance(event, EpochCompleted) for event in course.events)


def test_a_run_is_one_course():
    course = find_course(RUN, epoch=8)
    assert (course.environment, course.episode) == (0, None)
    assert course.start.controller == "heuristic"
    assert count_epochs(course) == 60


def test_the_newest_episode_is_taken_unless_one_is_named():
    assert find_course(EPISODES, epoch=8).episode == 1
    first = find_course(EPISODES, epoch=8, environment=0, episode=0)
    assert (first.episode, count_epochs(first)) == (0, 60)


def test_the_newest_episode_that_came_so_far_is_taken():
    events = encode(build_episodes(epochs=20))
    assert find_course(events, epoch=20).episode == 1
    assert find_course(events, epoch=21).episode == 0


def test_an_episode_without_the_decision_is_found_all_the_same():
    assert find_course(EPISODES, epoch=99, episode=1).episode == 1


@pytest.mark.parametrize(
    ("events", "asked", "message"),
    [
        (RUN, {"environment": 3}, "environment must be one of 0, got 3"),
        (RUN, {"episode": 2}, "episode must be left out, as this is a run by itself, got 2"),
        (EPISODES, {"episode": 2}, "episode must be from 0 to 1, got 2"),
    ],
)
def test_what_the_log_does_not_hold_is_refused(events, asked, message):
    with pytest.raises(ConfigError, match=message):
        find_course(events, epoch=8, **asked)


def test_episodes_with_gaps_between_them_are_listed():
    events = [event | {"episode": 4} if event.get("episode") == 1 else event for event in EPISODES]
    with pytest.raises(ConfigError, match="episode must be one of 0, 4, got 2"):
        find_course(events, epoch=8, episode=2)


@pytest.mark.parametrize("events", [[], EPISODES[:1]], ids=["empty", "no episodes"])
def test_a_log_without_a_host_is_refused(events):
    with pytest.raises(ArtifactError, match="or episodes that a training recorded, got none"):
        find_course(events, epoch=8)


def test_an_event_that_lacks_a_field_is_refused():
    start = {name: value for name, value in EPISODES[1].items() if name != "episode"}
    with pytest.raises(ArtifactError, match="event 1 must be a whole EpisodeStarted, got no 'epi"):
        find_course([start], epoch=8)
    damaged = {name: value for name, value in RUN[1].items() if name != "command"}
    with pytest.raises(
        ArtifactError, match="event 2 must be a whole DecisionMade: DecisionMade mu"
    ):
        find_course([RUN[0], damaged], epoch=8)


def test_all_hosts_of_a_log_are_read_also_those_that_have_not_ended():
    courses, total = read_courses(encode(build_episodes(3, epochs=20)), most=8)
    assert [course.episode for course in courses] == [0, 1, 2]
    assert [count_epochs(course) for course in courses] == [60, 60, 20]
    assert total == 3


def test_of_many_hosts_the_earliest_and_the_newest_are_read():
    courses, total = read_courses(encode(build_episodes(7)), most=4)
    assert [course.episode for course in courses] == [0, 1, 5, 6]
    assert total == 7


def test_environments_that_take_turns_are_told_apart():
    one, other = encode(build_episodes(1)), encode(build_episodes(1))
    for event in other:
        event["environment"] = 1
        if "host" in event:
            event["host"]["environment"] = 1
    turns = [event for pair in zip(one, other, strict=True) for event in pair]
    courses, _ = read_courses(turns, most=4)
    assert [course.environment for course in courses] == [0, 1]
    assert [count_epochs(course) for course in courses] == [60, 60]


def test_an_event_that_is_not_whole_is_refused_with_its_place():
    events = encode(build_episodes(1))
    place = next(i for i, event in enumerate(events) if event["event"] == "EpochCompleted")
    del events[place]["measured"]
    with pytest.raises(ArtifactError, match=f"event {place + 1} must be a whole EpochCompleted"):
        read_courses(events, most=4)

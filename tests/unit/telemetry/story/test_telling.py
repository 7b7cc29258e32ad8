"""tell_run: a run from its log."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from dataclasses import replace

import pytest

from tamiyo.contracts import (
    AlarmKind,
    AlarmRaised,
    ArtifactError,
    EpisodeFinished,
    EpisodeStarted,
    TrainingStarted,
)
from tamiyo.telemetry import tell_run
from tests.support.events import build_one_of_each, build_run
from tests.support.live import build_half_a_run, build_training
from tests.support.stories import build_whole_run, build_whole_training, tell, write_log


def test_a_run_is_told_to_its_end(tmp_path):
    story = tell(tmp_path, build_whole_run())
    assert (story.kind, story.title, story.controller) == ("run", "digits-cnn", "heuristic")
    assert story.is_finished
    assert story.missing == ()
    assert story.learning is None
    (host,) = story.hosts
    assert host.host_score is not None
    assert host.points[-1].epoch == 60


def test_rollbacks_are_alarms(tmp_path):
    assert tell(tmp_path, build_whole_run()).alarm_counts == {"rollback": 1}


def test_half_a_run_says_that_it_has_no_end(tmp_path):
    story = tell(tmp_path, build_half_a_run())
    assert not story.is_finished
    assert story.hosts[0].end is None
    assert any("no end of the run" in text for text in story.missing)


def test_of_each_environment_the_last_whole_episode_is_told(tmp_path):
    going_on = tell(tmp_path, build_training())
    assert [host.episode for host in going_on.hosts] == [0, 0]
    whole = tell(tmp_path, build_whole_training())
    assert [host.episode for host in whole.hosts] == [1, 1]
    assert [len(host.rewards) for host in whole.hosts] == [3, 0]
    assert whole.episode_count == 4
    assert whole.is_finished


def test_an_episode_without_an_end_is_told_where_there_is_no_other(tmp_path):
    events = [one for one in build_training() if not isinstance(one, EpisodeFinished)]
    story = tell(tmp_path, events)
    assert [host.episode for host in story.hosts] == [1, 1]
    assert all(host.end is None and host.points[-1].epoch == 30 for host in story.hosts)


def test_a_training_without_hosts_is_told(tmp_path):
    story = tell(tmp_path, build_training(environments=0))
    assert story.hosts == ()
    assert story.learning.updates == 6


def test_alarms_are_counted_and_the_middle_ones_left_out(tmp_path):
    start = next(one for one in build_one_of_each() if isinstance(one, TrainingStarted))
    alarms = [
        AlarmRaised(kind=AlarmKind.THRASHING, message=f"number {number}", steps=number)
        for number in range(300)
    ]
    story = tell(tmp_path, [start, *alarms])
    assert story.alarm_counts == {"thrashing": 300}
    assert len(story.alarms) == 100
    assert (story.alarms[0].message, story.alarms[-1].message) == ("number 0", "number 299")


def test_many_episodes_are_counted_and_the_middle_ones_left_out(tmp_path):
    start = next(one for one in build_one_of_each() if isinstance(one, TrainingStarted))
    ended = next(one for one in build_one_of_each() if isinstance(one, EpisodeFinished))
    events = [replace(ended, episode=number) for number in range(500)]
    story = tell(tmp_path, [start, *events])
    assert story.episode_count == 500
    assert len(story.episodes) == 200
    assert story.episodes[-1].episode == 499


def test_every_cut_of_a_log_is_told_with_what_it_lacks(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    content = log.read_bytes()
    first = content.index(b"\n") + 1
    for cut in range(first, len(content), len(content) // 20):
        log.write_bytes(content[:cut])
        assert tell_run(log).missing


def test_a_line_lost_to_a_killed_writer_is_named(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    lines = log.read_bytes().splitlines()
    for number in range(1, len(lines), 13):
        damaged = [*lines[:number], lines[number][:90], *lines[number + 1 :]]
        log.write_bytes(b"\n".join(damaged) + b"\n")
        assert f"(line {number + 1})" in tell_run(log).missing[0]


def test_a_lost_beginning_is_named(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_run()[1:])
    story = tell_run(log)
    assert story.kind == "nothing"
    assert story.hosts == ()
    assert story.missing[0] == "The beginning of the run is not in the log."
    episodes = [one for one in build_training() if not isinstance(one, EpisodeStarted)]
    told = tell(tmp_path, episodes).missing
    assert any("beginning of an episode in environment 1" in text for text in told)


def test_an_event_without_a_field_is_refused_with_its_line(tmp_path):
    log = write_log(tmp_path / "events.jsonl", build_whole_run())
    lines = log.read_text().splitlines()
    lines[0] = lines[0].replace('"epochs"', '"eras"', 1)
    log.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        ArtifactError, match=r"line 1 must hold .* RunStarted: .* got 'eras' as well"
    ):
        tell_run(log)


@pytest.mark.parametrize("content", ["", '{"schema": 3, "time'])
def test_a_log_without_a_whole_event_is_refused(tmp_path, content):
    log = tmp_path / "events.jsonl"
    log.write_text(content)
    with pytest.raises(ArtifactError, match="at least one whole event, got none"):
        tell_run(log)


@pytest.mark.parametrize("way", ["flip bytes", "drop lines", "drop numbers"])
def test_whatever_happened_to_a_log_it_is_told_or_refused(tmp_path, way):
    log = write_log(tmp_path / "events.jsonl", build_whole_training())
    whole = log.read_bytes()
    rng = random.Random(0)
    for _ in range(25):
        content = bytearray(whole)
        if way == "flip bytes":
            for _ in range(20):
                content[rng.randrange(len(content))] = rng.randrange(256)
        elif way == "drop lines":
            lines = whole.splitlines()
            content = b"\n".join(line for line in lines if rng.random() < 0.9)
        else:
            content = re.sub(
                rb"(?<=:)-?\d+\.\d+", lambda found: rng.choice([found[0], b'"NaN"']), whole
            )
        log.write_bytes(content)
        with suppress(ArtifactError):
            story = tell_run(log)
            assert story.events <= len(whole.splitlines())

"""LiveFold: what a run looks like while it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    GAIN_METRIC,
    AlarmKind,
    AlarmRaised,
    ArtifactError,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    PhasesTimed,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
    encode_event,
)
from tamiyo.telemetry.live import LiveFold
from tests.support.events import build_one_of_each, build_run


def fold(events):
    found = LiveFold()
    for event in events:
        found.take(encode_event(event))
    return found.freeze()


def pick(kind):
    return next(event for event in build_one_of_each() if isinstance(event, kind))


def test_before_the_first_event_nothing_is_known():
    state = LiveFold().freeze()
    assert (state.kind, state.total, state.seed, state.last_time) == ("nothing", None, None, None)


def test_a_run_goes_from_its_first_epoch_to_its_end():
    whole = build_run()
    half = fold(whole[: len(whole) // 2])
    assert (half.kind, half.title, half.unit, half.total) == ("run", "digits-cnn", "epochs", 60)
    assert 0 < half.done < 60
    assert not half.is_finished
    assert fold(whole).is_finished
    assert fold(whole).learning is None


def test_the_rate_of_a_training_is_that_of_its_last_rounds():
    start = replace(pick(TrainingStarted), total_steps=3_200)
    timed = PhasesTimed(steps=1_600, seconds={"train": 6.0, "policy": 2.0})
    state = fold([start, pick(UpdateCompleted), timed])
    assert state.rates is not None
    assert state.rates.steps_per_second == 200.0
    assert state.rates.seconds_left == 8.0
    assert state.rates.phases == {"train": 0.75, "policy": 0.25}


def test_a_training_that_nobody_timed_has_no_rate():
    assert fold([pick(TrainingStarted), pick(UpdateCompleted)]).rates is None


def test_heads_without_a_choice_have_no_entropy():
    state = fold([pick(TrainingStarted), pick(UpdateCompleted)])
    assert state.learning is not None
    assert state.learning.entropies == {"op": 0.8, "blueprint": None}
    assert state.learning.losses["explained variance"] == 0.6


def test_entropies_have_a_course_where_a_head_had_a_choice():
    update = pick(UpdateCompleted)
    later = replace(update, report=replace(update.report, update=2, steps=3_200))
    learning = fold([pick(TrainingStarted), update, later]).learning
    assert learning is not None
    assert set(learning.entropy_curves) == {"op"}
    assert learning.entropy_curves["op"].places == (1_600, 3_200)
    assert learning.entropy_curves["op"].values == (0.8, 0.8)


def test_an_interrupted_training_that_goes_on_is_no_longer_interrupted():
    start, stop = pick(TrainingStarted), TrainingFinished(updates=1, steps=1_600, interrupted=True)
    update = pick(UpdateCompleted)
    assert fold([start, update, stop]).is_interrupted
    again = fold([start, update, stop, replace(start, steps=1_600)])
    assert not again.is_interrupted
    assert again.done == 1_600
    assert again.learning is not None
    assert again.learning.updates == 1


def test_the_last_twenty_alarms_are_kept_and_all_are_counted():
    alarm = AlarmRaised(kind=AlarmKind.THRASHING, message="seeds come and go", steps=0)
    state = fold([pick(TrainingStarted), *(replace(alarm, steps=step) for step in range(25))])
    assert state.alarm_count == 25
    assert [one.place for one in state.alarms] == list(range(5, 25))
    assert state.alarms[0].kind == "thrashing"


def test_the_next_episode_of_an_environment_remembers_how_the_last_one_ended():
    start, end = pick(EpisodeStarted), pick(EpisodeFinished)
    state = fold([pick(TrainingStarted), start, end, replace(start, episode=4)])
    (host,) = state.environments
    assert (host.episode, host.is_over) == (4, False)
    assert host.end is not None
    assert host.end.episode == 3


def test_events_of_an_environment_whose_beginning_was_lost_are_passed_over():
    assert fold([pick(TrainingStarted), pick(EpochCompleted)]).environments == ()


def test_an_event_without_a_field_is_refused_with_its_number():
    broken = encode_event(pick(TrainingStarted))
    del broken["steps"]
    with pytest.raises(ArtifactError, match="event 1 must be a complete TrainingStarted, got Key"):
        LiveFold().take(broken)


def test_an_event_nobody_knows_is_passed_over():
    found = LiveFold()
    found.take({"event": "SomethingNew", "schema": 3})
    assert found.freeze().events == 1


def test_a_training_on_hosts_is_followed_by_what_it_gains_over_waiting():
    update = pick(UpdateCompleted)
    rollout = replace(update.report.rollout, environment={GAIN_METRIC: 1.25})
    told = replace(update, report=replace(update.report, rollout=rollout))
    state = fold([pick(TrainingStarted), told])
    assert state.learning is not None
    names = {curve.name: curve.values for curve in state.learning.curves}
    assert names["gain over waiting"] == (1.25,)
    assert "return per episode" not in names

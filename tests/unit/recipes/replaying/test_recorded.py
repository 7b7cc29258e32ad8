from __future__ import annotations

import pytest

from tamiyo.contracts import (
    AdaptationCommand,
    ArtifactError,
    Blueprint,
    ConfigError,
    LifecycleOp,
    Style,
    decode_record,
    encode_event,
)
from tamiyo.recipes import RecordedController, read_recorded_run
from tests.support.events import build_run
from tests.support.explained import build_episodes, encode
from tests.support.reports import build_host_report, build_signals

EVENTS = [encode_event(event) for event in build_run()]


def decide(events, epoch):
    controller = RecordedController(read_recorded_run(events))
    return controller.decide(build_signals(), build_host_report(epoch=epoch))


def test_what_was_decided_is_read_from_the_events():
    run = read_recorded_run(EVENTS)
    assert (run.epochs, run.is_finished, len(run.commands)) == (60, True, 55)
    assert run.commands[8].blueprint == Blueprint.CONV_LIGHT


def test_a_killed_run_is_known_up_to_its_last_epoch():
    run = read_recorded_run(EVENTS[:40])
    assert not run.is_finished
    assert run.epochs == max(
        event["measured"]["epoch"] for event in EVENTS[:40] if event["event"] == "EpochCompleted"
    )


def test_every_recorded_command_is_decided_again():
    recorded = {
        event["epoch"]: decode_record(AdaptationCommand, event["command"])
        for event in EVENTS
        if event["event"] == "DecisionMade"
    }
    for epoch, command in recorded.items():
        again = decide(EVENTS, epoch).to_command()
        assert (again.op, again.slot_id, again.reason) == (
            command.op,
            command.slot_id,
            command.reason,
        )
    birth = decide(EVENTS, 8).to_command()
    assert (birth.op, birth.style) == (LifecycleOp.GERMINATE, Style.SIGMOID_ADD)


def test_the_controller_bears_the_name_of_the_one_that_decided():
    assert RecordedController(read_recorded_run(EVENTS)).name == "heuristic"


def test_an_epoch_without_a_decision_is_refused():
    with pytest.raises(ArtifactError, match="decision of epoch 56, got those of 1, 2, "):
        decide(EVENTS, 56)
    epochs = [event for event in EVENTS if event["event"] != "DecisionMade"]
    with pytest.raises(ArtifactError, match="decision of epoch 1, got those of none"):
        decide(epochs, 1)


@pytest.mark.parametrize("events", [[], EVENTS[1:]], ids=["empty", "no start"])
def test_events_of_no_host_are_refused(events):
    with pytest.raises(ArtifactError, match="must hold a run, or episodes"):
        read_recorded_run(events)


def test_events_without_an_epoch_are_refused():
    with pytest.raises(ArtifactError, match="must hold a completed epoch to be replayed, got none"):
        read_recorded_run(EVENTS[:2])


def test_an_episode_of_a_training_is_read_by_its_number():
    events = encode(build_episodes())
    run = read_recorded_run(events, environment=0, episode=0)
    assert (run.is_episode, run.start["episode"], run.epochs) == (True, 0, 60)
    assert run.is_finished
    assert read_recorded_run(events).start["episode"] == 1
    with pytest.raises(ConfigError, match="episode must be from 0 to 1, got 7"):
        read_recorded_run(events, episode=7)


@pytest.mark.parametrize("name", ["DecisionMade", "EpochCompleted"])
def test_an_event_that_lacks_a_field_is_refused(name):
    events = [EVENTS[0], {"event": name, "environment": 0}]
    with pytest.raises(ArtifactError, match=f"event 2 must be a complete {name}, got KeyError"):
        read_recorded_run(events)

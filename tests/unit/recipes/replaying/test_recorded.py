from __future__ import annotations

import pytest

from tamiyo.contracts import (
    AdaptationCommand,
    ArtifactError,
    Blueprint,
    LifecycleOp,
    Style,
    decode_record,
    encode_event,
)
from tamiyo.recipes import RecordedController, read_recorded_run
from tests.support.events import build_run
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
    with pytest.raises(ArtifactError, match="decision of epoch 1, got those of none"):
        decide(EVENTS[:1], 1)


@pytest.mark.parametrize(
    ("events", "got"), [([], "no event"), (EVENTS[1:], EVENTS[1]["event"])], ids=["empty", "late"]
)
def test_events_that_do_not_begin_with_a_run_are_refused(events, got):
    with pytest.raises(ArtifactError, match=f"must be RunStarted, got {got}"):
        read_recorded_run(events)


@pytest.mark.parametrize("name", ["DecisionMade", "EpochCompleted"])
def test_an_event_that_lacks_a_field_is_refused(name):
    events = [EVENTS[0], {"event": name}]
    with pytest.raises(ArtifactError, match=f"event 2 must be a complete {name}, got KeyError"):
        read_recorded_run(events)

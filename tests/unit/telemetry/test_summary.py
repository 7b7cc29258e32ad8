from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tamiyo.contracts import (
    ACCURACY,
    ArtifactError,
    Blueprint,
    DecisionMade,
    EpochCompleted,
    Initiator,
    LifecycleOp,
    RunStarted,
    SeedGerminated,
    SeedStage,
    Style,
    TamiyoInitiated,
    encode_event,
)
from tamiyo.telemetry import JsonlSink, read_events, summarize_run
from tests.support.events import BITS, build_one_of_each, build_run, build_twin


def encode(events):
    return [encode_event(event) for event in events]


@pytest.fixture(scope="module")
def summary():
    return summarize_run(encode(build_run()))


def describe(span):
    return span.stage.name, span.first_epoch, span.last_epoch


def test_a_summary_says_what_run_it_was(summary):
    assert (summary.task, summary.controller, summary.seed) == ("digits-cnn", "heuristic", 7)
    assert (summary.epochs, summary.config_hash) == (60, "3f9a2c10")
    assert summary.slot_ids == ("r0c0", "r0c1", "r0c2")
    assert (summary.host_parameters, summary.metric) == (8_234, ACCURACY)


def test_a_summary_says_what_accuracies_are_measured_in():
    assert summarize_run(encode(build_run(epochs=1, metric=BITS))).metric == BITS


def test_the_timeline_of_a_kept_seed_is_rebuilt_from_events(summary):
    spans = summary.slot_spans("r0c1")
    assert [describe(span) for span in spans] == [
        ("GERMINATED", 8, 8),
        ("TRAINING", 9, 12),
        ("BLENDING", 13, 17),
        ("HOLDING", 18, 21),
        ("FOSSILIZED", 22, 60),
    ]
    assert spans[2].alphas == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))
    assert {(s.seed_id, s.blueprint, s.style) for s in spans} == {
        ("r0c1-1-conv_light", Blueprint.CONV_LIGHT, Style.SIGMOID_ADD)
    }


def test_the_timeline_of_a_pruned_seed_goes_through_the_embargo_to_its_successor(summary):
    spans = summary.slot_spans("r0c0")
    assert [describe(span) for span in spans[3:8]] == [
        ("HOLDING", 18, 19),
        ("PRUNED", 20, 20),
        ("EMBARGOED", 21, 23),
        ("RESETTING", 24, 24),
        ("GERMINATED", 47, 47),
    ]
    assert [span.seed_id for span in spans[4:8]] == ["r0c0-1-norm"] * 3 + ["r0c0-2-bottleneck"]
    assert spans[5].alphas == (0.0, 0.0, 0.0)


def test_a_fossil_row_tells_its_life_and_what_it_is_worth_in_the_end(summary):
    first, second = summary.fossils
    assert (first.slot_id, first.blueprint, first.parameters) == ("r0c1", Blueprint.CONV_LIGHT, 320)
    assert (first.germinated_epoch, first.fossilized_epoch, first.alpha) == (8, 22, 1.0)
    assert (first.final.points, first.final.points_error) == (4.3, 0.7)
    assert first.committed.points == pytest.approx(4.8)
    assert (second.seed_id, second.style) == ("r0c2-1-depthwise", Style.GATED_GATE)


def test_a_fossil_row_has_the_style_its_seed_came_to_have():
    events = encode(build_run())
    for event in events:
        for slot in event.get("host", {}).get("slots", []):
            if slot["slot_id"] == "r0c1" and slot["seed"] is not None:
                slot["seed"]["style"] = "LINEAR_MULTIPLY"
    assert summarize_run(events).fossils[0].style == Style.LINEAR_MULTIPLY


def test_a_change_of_style_begins_a_new_span():
    events = encode(build_run(epochs=20, is_finished=False))
    events[-1]["host"]["slots"][1]["seed"]["style"] = "LINEAR_MULTIPLY"
    before, after = summarize_run(events).slot_spans("r0c1")[-2:]
    assert (describe(before), describe(after)) == (("HOLDING", 18, 19), ("HOLDING", 20, 20))


def test_pruned_rows_say_who_and_why(summary):
    assert [(r.seed_id, r.pruned_epoch, r.initiator, r.reason) for r in summary.pruned] == [
        ("r0c0-1-norm", 20, Initiator.CONTROLLER, "contribution below zero for 3 epochs"),
        ("r0c0-2-bottleneck", 58, Initiator.CLOSING, "not committed when the run closed"),
    ]


def test_every_decision_is_listed_with_what_it_asked_for(summary):
    assert len(summary.decisions) == 55
    (birth,) = [row for row in summary.decisions if row.epoch == 8]
    assert (birth.op, birth.slot_id) == (LifecycleOp.GERMINATE, "r0c1")
    assert (birth.blueprint, birth.style) == (Blueprint.CONV_LIGHT, Style.SIGMOID_ADD)
    assert (birth.reason, birth.refusal) == ("plateau for 3 epochs", None)


def test_rollbacks_stabilization_and_closing_are_dated(summary):
    (rollback,) = summary.rollbacks
    assert (rollback.epoch, rollback.restored_epoch) == (36, 34)
    assert (summary.stabilized_epoch, summary.closing_epoch) == (7, 56)


def test_the_outcome_is_what_the_run_finished_with(summary):
    assert summary.outcome.test_accuracy == pytest.approx(86.0, abs=0.05)
    assert summary.outcome.control_accuracy == pytest.approx(86.8, abs=0.05)
    assert (summary.outcome.epochs, summary.outcome.interrupted) == (60, False)


def test_a_run_without_a_test_split_ends_without_a_score():
    summary = summarize_run(encode([*build_run(has_test=False), build_twin(has_test=False)]))
    assert (summary.outcome.test_accuracy, summary.outcome.score) == (None, None)
    assert summary.outcome.control_accuracy == pytest.approx(86.8, abs=0.05)
    assert summary.twin.test_accuracy is None


def test_what_nobody_counted_or_estimated_stays_unknown():
    events = encode(build_run())
    events[-2]["measured"]["multiply_adds"] = None
    for difference in events[-1]["contributions"].values():
        difference |= {"points_error": None, "loss_error": None}
    summary = summarize_run(events)
    assert summary.final.multiply_adds is None
    assert {row.final.points_error for row in summary.fossils} == {None}


def test_an_unfinished_run_has_no_outcome_and_no_final_contributions():
    summary = summarize_run(encode(build_run(epochs=50, is_finished=False)))
    assert summary.outcome is None
    assert [row.final for row in summary.fossils] == [None, None]
    assert summary.closing_epoch is None


def test_a_run_that_only_began_has_one_epoch_and_no_timeline():
    summary = summarize_run(encode(build_run(epochs=0, is_finished=False)))
    assert (len(summary.course), summary.spans, summary.closing_epoch) == (1, (), None)


def test_a_fossil_committed_after_the_last_whole_epoch_is_listed():
    events = build_run(epochs=22, is_finished=False)
    assert isinstance(events.pop(), EpochCompleted)
    assert [row.seed_id for row in summarize_run(encode(events)).fossils] == ["r0c1-1-conv_light"]


def test_a_commit_that_a_rollback_undid_is_not_listed():
    events = encode(build_run(epochs=22, is_finished=False))
    events[-1]["host"]["slots"][1]["stage"] = "HOLDING"
    assert summarize_run(events).fossils == ()


def test_a_seed_that_a_rollback_brought_back_is_not_listed_as_pruned():
    events = encode(build_run(epochs=20, is_finished=False))
    events[-1]["host"]["slots"][0] = next(
        event["host"]["slots"][0]
        for event in events
        if event["event"] == "EpochCompleted" and event["measured"]["epoch"] == 19
    )
    assert summarize_run(events).pruned == ()


def test_a_log_on_disk_gives_the_summary_of_the_events_themselves(tmp_path, summary):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        for event in build_run():
            sink.emit(event)
    assert summarize_run(read_events(tmp_path / "events.jsonl").events) == summary


def test_a_diverged_loss_is_summarized():
    events = json.loads(json.dumps(encode(build_run(epochs=1, is_finished=False))))
    events[-1]["measured"]["train_loss"] = "NaN"
    assert repr(summarize_run(events).final.train_loss) == "nan"


def test_one_event_of_each_type_in_an_order_of_life_is_summarized():
    events = [
        event
        for event in build_one_of_each()
        if isinstance(event, RunStarted | DecisionMade | SeedGerminated)
    ]
    assert summarize_run(encode(events)).germinations[0].seed_id.startswith("r0c1")


def test_an_event_this_version_does_not_know_is_passed_over(summary):
    events = [*encode(build_run()), {"event": "SomethingNew", "environment": 0}]
    assert summarize_run(events) == summary


def test_an_event_without_a_field_is_refused_by_number_and_name():
    events = encode(build_run(epochs=1))
    del events[1]["command"]
    with pytest.raises(ArtifactError, match="event 2 must be a complete DecisionMade, got KeyErr"):
        summarize_run(events)


@pytest.mark.parametrize("name", ["task", "metric", "host", "config_hash"])
def test_a_start_without_a_field_is_refused(name):
    events = encode(build_run(epochs=0))
    del events[0][name]
    with pytest.raises(ArtifactError, match=f"event 1 must be a complete RunStarted, .*'{name}'"):
        summarize_run(events)


def test_a_metric_that_cannot_be_is_refused():
    events = encode(build_run(epochs=0, metric=BITS))
    events[0]["metric"]["best"] = 8.0
    with pytest.raises(ArtifactError, match=r"event 1 .* two different finite values, got 8.0"):
        summarize_run(events)


def test_an_event_with_an_unknown_stage_is_refused():
    events = encode(build_run(epochs=8))
    events[-2]["host"]["slots"][1]["stage"] = "SPROUTED"
    with pytest.raises(ArtifactError, match="a complete EpochCompleted, got KeyError: 'SPROUTED'"):
        summarize_run(events)


def test_events_of_two_environments_are_refused():
    events = encode([*build_run(epochs=1), TamiyoInitiated(environment=3, epoch=1)])
    with pytest.raises(ArtifactError, match="one environment, 0, got one of 3"):
        summarize_run(events)


def test_events_of_another_environment_than_the_first_are_one_run():
    first = build_run()[0]
    assert isinstance(first, RunStarted)
    other = replace(first, host=replace(first.host, environment=3))
    events = encode([other, TamiyoInitiated(environment=3, epoch=4)])
    assert summarize_run(events).stabilized_epoch == 4


def test_two_runs_in_one_log_are_refused():
    with pytest.raises(ArtifactError, match="one run, got a second RunStarted"):
        summarize_run(encode(build_run(epochs=1) * 2))


def test_events_that_do_not_begin_with_the_start_are_refused():
    with pytest.raises(ArtifactError, match="must be RunStarted, got DecisionMade"):
        summarize_run(encode(build_run(epochs=1)[1:]))


def test_no_events_at_all_are_refused():
    with pytest.raises(ArtifactError, match="must be RunStarted, got no event"):
        summarize_run([])


def test_stages_of_a_timeline_are_stages(summary):
    assert all(isinstance(span.stage, SeedStage) for span in summary.spans)


def test_the_host_alone_is_read_whole():
    twin, event = summarize_run(encode([*build_run(), build_twin()])).twin, build_twin()
    assert twin.control_accuracies == event.control_accuracies
    assert (twin.test_accuracy, twin.parameters, twin.multiply_adds) == (79.5, 8_234, 60 * 10**9)


def test_a_run_without_a_twin_has_none(summary):
    assert summary.twin is None


def test_a_twin_of_another_environment_is_refused():
    with pytest.raises(ArtifactError, match="got one of 1"):
        summarize_run(encode([*build_run(), build_twin(environment=1)]))

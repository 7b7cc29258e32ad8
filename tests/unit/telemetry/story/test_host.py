"""HostTale: one host from its events."""

from __future__ import annotations

from tamiyo.contracts import EpochCompleted, SeedGerminated, encode_event
from tamiyo.telemetry import summarize_run
from tamiyo.telemetry.story.host import HostTale
from tests.support.events import build_run
from tests.support.stories import build_whole_run


def tell(events):
    first, *others = map(encode_event, events)
    tale = HostTale(first)
    for event in others:
        tale.take(event)
    return tale.finish()


def test_a_host_is_told_as_the_summary_of_its_run_tells_it():
    story = tell(build_whole_run())
    summary = summarize_run([encode_event(event) for event in build_whole_run()])
    assert [(p.epoch, p.accuracy, p.committed, p.parameters) for p in story.points] == [
        (p.epoch, p.control_accuracy, p.committed_accuracy, p.parameters) for p in summary.course
    ]
    of_seeds = [span for span in story.spans if span.seed_id is not None]
    expected = [span for span in summary.spans if any(span.alphas) or span.stage.value < 8]
    assert {(s.slot_id, s.seed_id, s.stage, s.first_epoch, s.last_epoch) for s in of_seeds} == {
        (s.slot_id, s.seed_id, s.stage.name, s.first_epoch, s.last_epoch) for s in expected
    }
    assert [(d.epoch, d.op, d.reason) for d in story.decisions] == [
        (d.epoch, d.op.name, d.reason) for d in summary.decisions
    ]
    assert story.end.score == summary.outcome.score
    assert story.host_score == summary.twin.test_accuracy
    assert story.twin == summary.twin.control_accuracies


def test_spans_hold_as_many_alphas_and_contributions_as_epochs():
    for span in tell(build_run()).spans:
        epochs = span.last_epoch - span.first_epoch + 1
        assert len(span.alphas) == len(span.contributions) == epochs


def test_a_lost_event_leaves_the_rest_as_it_was():
    events = build_run()
    whole = tell(events)
    kept = [event for event in events if not isinstance(event, SeedGerminated)]
    story = tell(kept)
    assert story.spans == whole.spans
    assert len(story.marks) == len(whole.marks) - 4


def test_a_lost_epoch_ends_a_span_and_begins_another():
    whole = tell(build_run())
    span = max(whole.spans, key=lambda span: len(span.alphas))
    lost = span.first_epoch + 2
    story = tell(
        event
        for event in build_run()
        if not (isinstance(event, EpochCompleted) and event.measured.epoch == lost)
    )
    own = [one for one in story.spans if one.seed_id == span.seed_id and one.stage == span.stage]
    assert [(one.first_epoch, one.last_epoch) for one in own][:2] == [
        (span.first_epoch, lost - 1),
        (lost + 1, span.last_epoch),
    ]


def test_what_did_not_end_has_no_end():
    story = tell(build_run(epochs=20, is_finished=False))
    assert story.end is None
    assert story.host_score is None
    assert story.points[-1].epoch == 20

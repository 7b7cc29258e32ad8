from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from tamiyo.contracts import TamiyoInitiated
from tamiyo.ui import ProgressSink
from tests.support.events import BITS, build_run, build_twin

FIRST_LINES = """\
digits-cnn grown by heuristic, seed 7: 60 epochs, host of 8,234 parameters
G germinated  T training  B blending  H holding  F fossilized  x closed
epoch  accuracy         loss       parameters  slots
 0/60   10.2 %         2.325    8,234  +0.0 %  r0c0 -     r0c1 -     r0c2 -
 1/60   20.5 % ▲10.3   2.112    8,234  +0.0 %  r0c0 -     r0c1 -     r0c2 -
"""
AROUND_A_COMMIT = """\
20/60  x r0c0 pruned norm after 8 epochs: contribution below zero for 3 epochs
20/60   82.2 % ▲ 0.8   0.503    8,554  +3.9 %  r0c0 x5    r0c1 H1.0  r0c2 -
21/60   83.1 % ▲ 0.9   0.472    8,554  +3.9 %  r0c0 x4    r0c1 H1.0  r0c2 -
22/60  * r0c1 fossilized conv_light at 1.00, contribution +4.8 ± 0.7 points
22/60   83.3 % ▲ 0.2   0.455    8,554  +3.9 %  r0c0 x3    r0c1 F1.0  r0c2 -
"""
IN_FULL = "14/60   74.7 % ▲ 2.8   0.713    8,586  +4.3 %  r0c0 norm TRAIN              " + (
    "r0c1 conv_light BLEND 0.40   r0c2 -\n"
)
LAST_LINE = "finished: test accuracy 86.0 %, 8,730 parameters (+6.0 %), 74.4G multiply-adds\n"


def show(events, *, width=80, is_terminal=False, encoding="utf-8", environment=0):
    stream = io.BytesIO()
    file = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    console = Console(file=file, width=width, color_system=None, force_terminal=is_terminal)
    with ProgressSink(console, environment=environment) as sink:
        for event in events:
            sink.emit(event)
    file.flush()
    return stream.getvalue().decode(encoding)


def test_a_run_begins_with_its_title_and_the_validation_before_training():
    assert show(build_run()).startswith(FIRST_LINES)


def test_prunes_and_commits_stand_between_the_epochs():
    assert AROUND_A_COMMIT in show(build_run())


def test_a_run_ends_with_its_numbers():
    assert show(build_run()).endswith(LAST_LINE)


def test_the_host_alone_is_named_after_the_end():
    shown = show([*build_run(), build_twin()])
    assert shown.endswith(LAST_LINE + "host alone: test accuracy 79.5 %\n")


def test_a_wide_console_shows_blueprints():
    lines = show(build_run(), width=140)
    assert IN_FULL in lines
    assert "G germinated" not in lines


def test_no_epoch_is_wider_than_80_columns():
    lines = [line for line in show(build_run()).splitlines() if "  r0c2 " in line]
    assert len(lines) == 61
    assert max(len(line) for line in lines) <= 80


def test_a_long_reason_is_not_broken_into_lines():
    closed = (
        "58/60  x r0c0 pruned bottleneck after 11 epochs by closing: not committed when the run"
    )
    assert f"\n{closed} closed\n" in show(build_run())


def test_an_interrupted_run_says_so():
    last = show(build_run(epochs=30)).splitlines()[-1]
    assert last.startswith("interrupted after epoch 30: test accuracy")


def test_a_console_without_unicode_gets_plain_signs():
    lines = show(build_run(), encoding="ascii")
    assert " 1/60   20.5 % +10.3   2.112" in lines
    assert "contribution +4.8 +- 0.7 points" in lines


def test_a_terminal_has_a_bar_with_the_time_left_that_is_gone_at_the_end():
    shown = show(build_run(), is_terminal=True)
    assert "eta" in shown
    assert "60/60" in shown
    assert shown.endswith(LAST_LINE)


def test_the_bar_is_taken_away_when_a_run_breaks_off():
    hide, unhide = "\x1b[?25l", "\x1b[?25h"
    shown = show(build_run(epochs=3, is_finished=False), is_terminal=True)
    assert shown.rindex(unhide) > shown.rindex(hide)


def test_a_pipe_gets_no_bar_and_no_control_codes():
    shown = show(build_run())
    assert "eta" not in shown
    assert "\x1b" not in shown


def test_events_of_other_environments_are_not_shown():
    events = [*build_run(epochs=1, is_finished=False), TamiyoInitiated(environment=1, epoch=2)]
    assert show(events) == FIRST_LINES
    assert show(events, environment=1) == ""


def test_another_environment_than_the_first_can_be_shown():
    start = build_run()[0]
    start = replace(start, host=replace(start.host, environment=1))
    shown = show([start, TamiyoInitiated(environment=1, epoch=2)], environment=1)
    assert shown.endswith(" 2/60  ~ training has stabilized\n")


def test_events_before_the_start_are_passed_over():
    assert show(build_run()[1:]) == ""


def test_another_metric_is_named_and_shown_in_its_own_unit():
    lines = show([*build_run(metric=BITS), build_twin()]).splitlines()
    assert lines[0].endswith("host of 8,234 parameters; bits per byte, lower is better")
    assert lines[2].startswith("epoch  bits per byte    loss")
    assert lines[4].startswith(" 1/60  6.362 ▼0.822    2.112")
    assert lines[-2].startswith("finished: test bits per byte 1.118, 8,730 parameters")
    assert lines[-1] == "host alone: test bits per byte 1.640"


def test_a_run_without_a_test_split_ends_with_its_control_accuracy():
    lines = show([*build_run(has_test=False), build_twin(has_test=False)]).splitlines()
    assert lines[-2].startswith("finished: control accuracy 86.8 %, 8,730")
    assert lines[-1] == "host alone: control accuracy 83.8 %"

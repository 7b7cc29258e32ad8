from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tamiyo.contracts import ComparisonRow, encode_event
from tamiyo.telemetry import summarize_run
from tamiyo.ui import render_compare_table, render_result_table
from tests.support.events import BITS, build_run, build_twin

RESULT = """\
digits-cnn, heuristic, seed 7: 60 epochs
                      parameters  growth  control    test  multiply-adds
─────────────────────────────────────────────────────────────────────────
host before training       8,234           10.2 %       -              -
final network              8,730  +6.0 %   86.8 %  86.0 %          74.4G

slot  blueprint   style         epochs  parameters  points on test
───────────────────────────────────────────────────────────────────
r0c1  conv_light  sigmoid_add   8 → 22         320      +4.3 ± 0.7
r0c2  depthwise   gated_gate   26 → 45         176      +2.1 ± 0.7
points on test: what switching the seed off would cost: dependence, not gain

seeds: 4 germinated, 2 kept, 2 pruned; rollbacks: 1
best control accuracy 88.4 % after epoch 52; score 85.7
"""
RESULT_IN_BITS = """\
digits-cnn, heuristic, seed 7: 60 epochs; bits per byte, lower is better
                      parameters  growth  control  multiply-adds
─────────────────────────────────────────────────────────────────
host before training       8,234            7.184              -
host alone                 8,234            1.294          60.0G
final network              8,730  +6.0 %    1.054          74.4G

slot  blueprint   style         epochs  parameters  points on control
──────────────────────────────────────────────────────────────────────
r0c1  conv_light  sigmoid_add   8 → 22         320         +4.3 ± 0.7
r0c2  depthwise   gated_gate   26 → 45         176         +2.1 ± 0.7
points on control: what switching the seed off would cost: dependence, not gain
a point is 0.08 in bits per byte: 0 is worth 100 points, 8 none

seeds: 4 germinated, 2 kept, 2 pruned; rollbacks: 1
best control bits per byte 0.927 after epoch 52
"""
COMPARE = """\
              score  difference [95 %]    test  param.  mult-adds  kept
────────────────────────────────────────────────────────────────────────
wait-only      80.1                  -  80.1 %   8,234      74.4G     0
heuristic      84.2  +4.1 [+3.2, +5.0]  84.9 %   9,034      91.4G   1.5
static-final   84.9  +4.8 [-0.1, +5.7]  85.5 %   9,034       104T     0
"""


def build_row(name, score, difference, *ends, **fields):
    defaults = {"test_accuracy": 84.9, "parameters": 9_034.4, "multiply_adds": 91.4e9}
    defaults |= {"epochs": 60, "fossils": 0}
    low, high = ends
    return ComparisonRow(
        name=name, score=score, difference=difference, low=low, high=high, **defaults | fields
    )


ROWS = (
    build_row("wait-only", 80.1, 0.0, 0.0, 0.0, test_accuracy=80.1, parameters=8_234,
              multiply_adds=74.4e9),
    build_row("heuristic", 84.23, 4.1, 3.2, 5.02, fossils=1.5),
    build_row("static-final", 84.9, 4.8, -0.1, 5.7, test_accuracy=85.5, multiply_adds=104e12),
)  # fmt: skip


def show(render, content, *, width=80, encoding="utf-8"):
    stream = io.BytesIO()
    file = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    Console(file=file, width=width, color_system=None).print(render(content))
    file.flush()
    lines = stream.getvalue().decode(encoding).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def summarize(**options):
    return summarize_run(encode_event(event) for event in build_run(**options))


@pytest.mark.parametrize("width", [80, 140])
def test_a_result_reads_the_same_narrow_and_wide(width):
    assert show(render_result_table, summarize(), width=width) == RESULT


def test_a_result_is_in_the_metrics_own_unit_and_without_a_test_split_on_control():
    events = [*build_run(metric=BITS, has_test=False), build_twin(has_test=False)]
    summary = summarize_run(encode_event(event) for event in events)
    assert show(render_result_table, summary) == RESULT_IN_BITS


def test_a_score_of_another_metric_says_that_it_is_in_points():
    shown = show(render_result_table, summarize(metric=BITS))
    assert "after epoch 52; score 85.7 points\n" in shown


def test_an_interrupted_run_shows_the_committed_network():
    events = [encode_event(event) for event in build_run(epochs=30)]
    events[-1]["control_accuracy"] = 12.3
    assert "+3.9 %   12.3 %" in show(render_result_table, summarize_run(events))


def test_unknown_errors_and_work_show_no_number():
    events = [encode_event(event) for event in build_run(epochs=30, is_finished=False)]
    events[-1]["measured"]["multiply_adds"] = None
    for event in events:
        if event["event"] == "SeedFossilized":
            event["contribution"]["points_error"] = None
    shown = show(render_result_table, summarize_run(events))
    assert "+4.8 ± ?\n" in shown
    assert re.search(r"network now .* %     -              -\n", shown)


def test_an_unfinished_run_shows_contributions_on_the_control_split():
    shown = show(render_result_table, summarize(epochs=30, is_finished=False))
    assert "30 of 60 epochs so far" in shown
    assert "network now" in shown
    assert "points on control" in shown
    assert "score" not in shown


def test_an_interrupted_run_says_after_how_many_epochs():
    shown = show(render_result_table, summarize(epochs=30))
    assert "interrupted after 30 of 60 epochs" in shown


def test_a_run_that_kept_nothing_has_no_table_of_fossils():
    shown = show(render_result_table, summarize(epochs=5))
    assert "blueprint" not in shown
    assert "rollbacks" not in shown
    assert "seeds: 0 germinated, 0 kept, 0 pruned" in shown


def test_a_fossil_whose_worth_was_not_measured_shows_no_number():
    events = [encode_event(event) for event in build_run()]
    events[-1]["contributions"] = {}
    shown = show(render_result_table, summarize_run(events))
    assert "r0c2  depthwise   gated_gate   26 → 45         176               -\n" in shown


def test_the_host_alone_stands_between_the_untrained_host_and_the_network():
    events = [encode_event(event) for event in (*build_run(), build_twin())]
    lines = show(render_result_table, summarize_run(events)).splitlines()
    assert lines[4] == ("host alone                 8,234           83.8 %  79.5 %          60.0G")
    assert lines[3].startswith("host before training")
    assert lines[5].startswith("final network")


@pytest.mark.parametrize("width", [80, 140])
def test_a_comparison_reads_the_same_narrow_and_wide(width):
    assert show(render_compare_table, ROWS, width=width) == COMPARE


def test_a_comparison_shows_the_test_split_in_the_metrics_own_unit():
    shown = show(lambda rows: render_compare_table(rows, BITS), ROWS)
    assert "heuristic      84.2  +4.1 [+3.2, +5.0]  1.208   9,034" in shown


def test_a_long_name_takes_no_number_its_place():
    name = "width family, equal parameters and multiply-adds"
    shown = show(render_compare_table, [*ROWS, build_row(name, 84.9, -14.8, -10.1, 15.7)])
    assert "-14.8 [-10.1, +15.7]  84.9 %   9,034      91.4G     0\n" in shown
    assert "…" not in shown
    assert all(word in shown for word in name.split())


NARROW = """\
              score  difference [95 %]    test  param.
───────────────────────────────────────────────────────
wait-only      80.1                  -  80.1 %   8,234
heuristic      84.2  +4.1 [+3.2, +5.0]  84.9 %   9,034
static-final   84.9  +4.8 [-0.1, +5.7]  85.5 %   9,034
"""


def test_a_narrow_console_loses_columns_from_the_right_and_no_name():
    assert show(render_compare_table, ROWS, width=60) == NARROW


def test_a_column_in_which_nothing_is_known_goes_first():
    rows = [build_row("wait-only", 1, 0, 0, 0, multiply_adds=None)]
    shown = show(render_compare_table, rows, width=60)
    assert ("kept" in shown, "mult-adds" in shown) == (True, False)


@pytest.mark.parametrize("width", [60, 44, 34])
def test_names_and_scores_are_whole_on_any_console(width):
    rows = [*ROWS, build_row("learned, sampled", 84.9, -14.8, -10.1, 15.7)]
    shown = show(render_compare_table, rows, width=width)
    words = ["wait-only", "heuristic", "static-final", "learned", "sampled", "80.1", "84.9"]
    assert all(word in shown for word in words)
    assert "…" not in shown


def test_a_row_that_happens_to_equal_the_reference_keeps_its_interval():
    row = build_row("random-legal", 80.1, 0.0, -0.4, 0.5)
    assert "+0.0 [-0.4, +0.5]" in show(render_compare_table, [row])


def test_tables_need_no_unicode():
    shown = show(render_result_table, summarize(), encoding="ascii")
    assert "8 > 22" in shown
    assert "+4.3 +- 0.7" in shown

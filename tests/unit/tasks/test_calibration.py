"""Calibration: what it trains, what it records, and when it calls a task worth growing on."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from tamiyo.contracts import ConfigError
from tamiyo.tasks import (
    CalibrationRow,
    ShuffledData,
    Split,
    Splits,
    TextConfig,
    TextData,
    calibrate_task,
    check_widths,
    get_task,
    judge_task,
    widen_recipe,
)


def ignore(_row):
    """Take a row and do nothing with it."""


def bright_half_split(count):
    """Class 0 is bright above, class 1 below: learned within a few steps."""
    targets = torch.arange(count) % 2
    inputs = torch.zeros(count, 1, 8, 8)
    inputs[targets == 0, :, :4] = 1.0
    inputs[targets == 1, :, 4:] = 1.0
    return Split(inputs=inputs, targets=targets)


def load_bright_halves(batch_size):
    split = bright_half_split(48)
    splits = Splits(train=split, control=split, test=split)
    return ShuffledData(splits, batch_size=batch_size)


@pytest.fixture
def task():
    real = get_task("digits-cnn")
    config = replace(real.config, max_epochs=12, closing_epochs=2)
    return replace(real, config=config, load_data=partial(load_bright_halves, 8))


def row(task, channels, parameters, accuracies, seed=0):
    return CalibrationRow(
        closing_epochs=0,
        recipe=widen_recipe(task.host, channels),
        seed=seed,
        parameters=parameters,
        control_accuracy=accuracies,
    )


def test_there_is_one_row_per_width_and_seed_in_order(task):
    rows = calibrate_task(task, widths=[2, 3], seeds=[7, 8], epochs=3, progress=ignore)
    assert [(r.recipe.arguments["channels"], r.seed) for r in rows] == [
        (2, 7),
        (2, 8),
        (3, 7),
        (3, 8),
    ]


def test_without_widths_the_family_is_trained(task):
    rows = calibrate_task(task, seeds=[0], epochs=3, progress=ignore)
    assert tuple(r.recipe for r in rows) == task.family


def test_without_epochs_the_task_decides(task):
    [only] = calibrate_task(task, widths=[2], seeds=[0], progress=ignore)
    assert len(only.control_accuracy) == 12


def test_rows_count_parameters_and_record_points_per_epoch(task):
    [only] = calibrate_task(task, widths=[2], seeds=[0], epochs=4, progress=ignore)
    assert only.parameters == 156
    assert len(only.control_accuracy) == 4
    assert all(0.0 <= accuracy <= 100.0 for accuracy in only.control_accuracy)


def test_a_host_learns_an_easy_task(task):
    [only] = calibrate_task(task, widths=[6], seeds=[0], progress=ignore)
    assert only.final_accuracy == 100.0


def test_progress_hears_of_every_row_as_it_comes(task):
    heard = []
    rows = calibrate_task(task, widths=[2], seeds=[0, 1], epochs=3, progress=heard.append)
    assert heard == rows


def test_the_same_seed_gives_the_same_row_whatever_is_trained_beside_it(task):
    alone = calibrate_task(task, widths=[3], seeds=[5], epochs=4, progress=ignore)
    among = calibrate_task(task, widths=[2, 3], seeds=[4, 5], epochs=4, progress=ignore)
    assert alone == [among[3]]


def test_calibration_leaves_the_global_generator_as_it_was(task):
    before = torch.random.get_rng_state()
    calibrate_task(task, widths=[2], seeds=[0], epochs=3, progress=ignore)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_no_epochs_before_the_closing_ones_are_refused(task):
    with pytest.raises(ConfigError, match=r"must be more than the 2 closing epochs .* got 2"):
        calibrate_task(task, widths=[2], seeds=[0], epochs=2, progress=ignore)


def test_another_task_is_trained_and_measured_by_its_own_objective():
    real = get_task("stdlib-text")
    config = replace(real.config, max_epochs=3, closing_epochs=1)
    windows = TextConfig(context=16, windows_per_epoch=320, held_out_windows=16)
    load_data = partial(TextData, b"a" * 4000, windows, batch_size=16)
    task = replace(real, config=config, load_data=load_data)
    [row] = calibrate_task(task, widths=[2], seeds=[0], progress=ignore)
    assert 0 < row.control_accuracy[0] < row.final_accuracy < 100


def test_a_width_that_cannot_be_built_is_refused(task):
    with pytest.raises(ConfigError, match="channels of host cnn must be at least 1, got 0"):
        calibrate_task(task, widths=[0], seeds=[0], epochs=3, progress=ignore)


def test_the_plateau_slope_is_that_of_the_last_quarter(task):
    accuracies = (0.0,) * 9 + (70.0, 72.0, 74.0)
    assert row(task, 2, 156, accuracies).plateau_slope == pytest.approx(2.0)


def test_the_plateau_slope_of_a_single_epoch_is_not_a_number(task):
    assert math.isnan(row(task, 2, 156, (50.0,)).plateau_slope)


def test_a_task_qualifies_when_four_times_the_parameters_gain_five_points(task):
    rows = [
        row(task, 2, 100, (80.0,) * 8),
        row(task, 2, 100, (82.0,) * 8, seed=1),
        row(task, 4, 250, (99.0,) * 8),
        row(task, 6, 410, (86.0,) * 8),
    ]
    verdict = judge_task(task, rows)
    assert (verdict.host_parameters, verdict.wide_parameters) == (100, 410)
    assert (verdict.host_accuracy, verdict.wide_accuracy) == (81.0, 86.0)
    assert verdict.gain_points == 5.0
    assert verdict.is_qualified


def test_a_task_does_not_qualify_on_a_smaller_gain(task):
    rows = [row(task, 2, 100, (80.0,) * 8), row(task, 6, 400, (84.9,) * 8)]
    assert not judge_task(task, rows).is_qualified


def test_the_verdict_reports_how_steep_both_curves_still_are(task):
    rows = [
        row(task, 2, 100, (80.0, 80.0, 80.0, 81.0)),
        row(task, 2, 100, (80.0, 80.0, 80.0, 80.0), seed=1),
        row(task, 6, 400, (90.0, 90.0, 90.0, 90.0)),
    ]
    verdict = judge_task(task, rows)
    assert (verdict.host_slope, verdict.wide_slope) == (0.5, 0.0)


def test_rows_without_the_host_cannot_be_judged(task):
    with pytest.raises(ConfigError, match="must include the host's own 2, got 6"):
        judge_task(task, [row(task, 6, 400, (90.0,) * 4)])


@pytest.mark.parametrize("nearest", [250, 600])
def test_rows_without_a_network_of_about_four_times_the_host_cannot_be_judged(task, nearest):
    rows = [row(task, 2, 100, (80.0,) * 4), row(task, 6, nearest, (90.0,) * 4)]
    with pytest.raises(ConfigError, match=f"3 to 5.5 times the host's 100 .* nearest {nearest}"):
        judge_task(task, rows)


@pytest.mark.parametrize(
    ("widths", "message"),
    [((3, 6), "host's own 2, got 3, 6"), ((2, 3), "host's 156 parameters, got at nearest 256")],
)
def test_widths_that_cannot_be_judged_are_refused_before_training(task, widths, message):
    with pytest.raises(ConfigError, match=message):
        check_widths(task, widths)


def test_widths_with_host_and_wide_network_pass(task):
    check_widths(task, (2, 6))


def test_the_slope_leaves_out_the_epochs_of_the_falling_rate(task):
    course = (*(80.0 + epoch for epoch in range(8)), 99.0, 99.0)
    assert replace(row(task, 2, 100, course), closing_epochs=2).plateau_slope == pytest.approx(1.0)

"""The headline of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.ui.page.headline import (
    Outcome,
    find_gain,
    find_outcome,
    write_headline,
    write_hero,
    write_title,
)
from tests.support.events import build_run, build_twin
from tests.support.live import build_half_a_run
from tests.support.stories import build_whole_run, build_whole_training, tell


def test_the_gain_is_the_score_less_that_of_the_host_alone(tmp_path):
    run = tell(tmp_path, build_whole_run())
    host = run.hosts[0]
    outcome = find_outcome(host)
    assert outcome.gain == host.end.score - host.host_score
    assert find_gain(run) == outcome.gain
    assert f"{outcome.gain:+.1f}" in write_headline(run)


def test_without_a_test_split_the_control_split_decides(tmp_path):
    events = [*build_run(has_test=False), build_twin(has_test=False)]
    outcome = find_outcome(tell(tmp_path, events).hosts[0])
    assert "control accuracy at the end, no rent" in outcome.basis
    assert outcome.gain is not None


def test_what_is_not_known_is_not_zero(tmp_path):
    run = tell(tmp_path, build_half_a_run())
    assert find_gain(run) is None
    assert "unknown" in write_headline(run)
    assert "the log does not say" in write_headline(run)
    assert Outcome(score=1.0, host_score=None, basis="score").gain is None


def test_a_training_is_told_by_its_last_tenth(tmp_path):
    run = tell(tmp_path, build_whole_training())
    assert find_gain(run) is None
    assert "went from +0.25 in the first tenth of the training to +1.50 in the last" in (
        write_headline(run)
    )


@pytest.mark.parametrize(("points", "look"), [(2.0, "good"), (-2.0, "bad"), (None, "hero")])
def test_the_number_looks_as_it_is(points, look):
    assert f'class="{"hero " if points else ""}{look}"' in write_hero(points, "words")


def test_a_number_that_is_not_finite_is_not_shown_as_one():
    written = write_hero(float("nan"), "gain")
    assert "gain: the number is not finite" in written
    assert ">unknown<" in written


def test_titles_say_which_run_it_is(tmp_path):
    run = tell(tmp_path, build_whole_run())
    assert write_title(run) == "digits-cnn grown by the heuristic controller, seed 7"
    assert write_title(replace(run, kind="nothing", seed=None)).startswith("A run whose beginning")
    assert write_title(tell(tmp_path, build_whole_training())) == (
        "Training on tamiyo/Surrogate-v0, seed 0"
    )

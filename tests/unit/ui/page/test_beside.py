"""The page of two runs."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.ui.page import build_comparison_page
from tests.support.stories import build_whole_run, build_whole_training, tell


def test_differences_are_those_of_b_less_a(tmp_path):
    run = tell(tmp_path, build_whole_run())
    host = run.hosts[0]
    better = replace(host, end=replace(host.end, score=host.end.score + 2.5))
    page = build_comparison_page(run, replace(run, hosts=(better,)))
    assert "B is ahead of A" in page
    assert "+2.5<" in page
    assert "<td>+2.50</td>" in page
    assert "B is level with A" in build_comparison_page(run, run)


def test_a_run_and_a_training_are_compared_as_far_as_that_goes(tmp_path):
    run, training = tell(tmp_path, build_whole_run()), tell(tmp_path, build_whole_training())
    page = build_comparison_page(run, training)
    assert "They differ in kind (run and training), task or environment" in page
    assert "the logs do not say" in page


def test_two_trainings_share_their_curves(tmp_path):
    training = tell(tmp_path, build_whole_training())
    page = build_comparison_page(training, training)
    assert "A from 0.25 to 1.5; B from 0.25 to 1.5" in page
    assert len(page.encode()) < 500_000

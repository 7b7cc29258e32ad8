"""The section of a training."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.telemetry import LiveCurve
from tamiyo.ui.page.learning import draw_small_charts, write_episodes, write_learning
from tests.support.stories import build_whole_run, build_whole_training, tell


def test_every_curve_entropy_and_phase_is_shown(tmp_path):
    learning = tell(tmp_path, build_whole_training()).learning
    written = write_learning(learning)
    for curve in (*learning.curves, *learning.entropies):
        assert f"<figcaption>{curve.name.replace('_', ' ')}" in written
    assert '<th scope="row">train</th><td>36.0</td><td>75%</td>' in written


def test_parts_that_stay_zero_are_named_and_not_drawn(tmp_path):
    learning = tell(tmp_path, build_whole_training()).learning
    flat = LiveCurve(name="synergy", unit="points", places=(1, 2), values=(0.0, 0.0))
    paid = LiveCurve(name="terminal", unit="points", places=(1, 2), values=(1.0, 2.0))
    written = write_learning(replace(learning, rewards=(flat, paid)))
    assert "Zero all along: synergy." in written
    assert "<figcaption>terminal, points</figcaption>" in written
    assert "<figcaption>synergy" not in written
    assert "tells no parts of the reward" in write_learning(replace(learning, rewards=()))


def test_a_training_that_nobody_timed_has_no_times(tmp_path):
    learning = tell(tmp_path, build_whole_training()).learning
    assert "Where the time went" not in write_learning(replace(learning, seconds={}))


def test_curves_of_two_runs_share_a_picture():
    curves = [
        (name, LiveCurve(name="score", unit="", places=(0, 1), values=(low, low + 1)))
        for name, low in (("A", 0.0), ("B", 5.0))
    ]
    drawn = draw_small_charts([("score", "", curves)])
    assert drawn.count("<figure>") == 1
    assert "A from 0 to 1; B from 5 to 6" in drawn


def test_episodes_are_listed_up_to_a_page(tmp_path):
    run = tell(tmp_path, build_whole_training())
    assert write_episodes(run).count('<th scope="row">') == 4
    many = replace(run, episodes=run.episodes * 50, episode_count=900)
    assert "860 in between are left out" in write_episodes(many)
    assert write_episodes(tell(tmp_path, build_whole_run())) is None

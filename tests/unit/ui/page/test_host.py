"""The section of one host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import MetricScale
from tamiyo.ui.page.host import (
    accuracy_lines,
    write_accuracy,
    write_host,
    write_rewards,
    write_seeds,
)
from tests.support.stories import build_whole_run, build_whole_training, tell


@pytest.fixture(name="host")
def _host(tmp_path):
    return tell(tmp_path, build_whole_run()).hosts[0]


def test_the_network_stands_beside_the_host_alone(host):
    grown, committed, alone = accuracy_lines(host)
    assert [len(line.points) for line in (grown, committed, alone)] == [61, 61, 61]
    assert grown.points[60] == (60, host.points[60].accuracy)
    assert alone.dashed


def test_without_a_twin_nothing_is_made_up(host):
    lonely = replace(host, twin=())
    assert len(accuracy_lines(lonely)) == 2
    assert "no course of the host alone" in write_accuracy(lonely)
    assert "host alone unknown" in write_accuracy(lonely)


def test_other_metrics_are_shown_in_their_own_unit(host):
    scale = MetricScale(name="bits per byte", best=0.0, worst=8.0)
    shown = accuracy_lines(replace(host, metric=scale))[0]
    assert shown.points[60][1] == pytest.approx(8 - 0.08 * host.points[60].accuracy)


def test_every_seed_is_listed_with_what_became_of_it(host):
    written = write_seeds(host)
    assert "All 4 seeds" in written
    assert written.count("<td>kept</td>") == 2
    assert written.count("<td>removed</td>") == 2
    for points in host.end.contributions.values():
        assert f"<td>{points:+.1f} points</td>" in written


def test_ids_of_two_hosts_differ(host):
    assert 'id="host-0-timeline"' in write_host(host, "host-0")
    assert 'id="host-1-timeline"' in write_host(host, "host-1")


def test_reward_parts_are_drawn_and_summed(tmp_path, host):
    assert write_rewards(host, "x") is None
    paid = tell(tmp_path, build_whole_training()).hosts[0]
    written = write_rewards(paid, "x")
    assert "compute rent from -0.125 to -0.125" in written
    assert "<td>-0.38</td>" in written or "<td>-0.37</td>" in written
    assert '<th scope="row">sum</th><td>+79.62</td>' in written


def test_a_reward_paid_at_the_end_alone_has_no_picture(host):
    paid = replace(host, rewards=((1, {}), (2, {"terminal": 80.0, "baseline": -79.0})))
    written = write_rewards(paid, "x")
    assert "<svg" not in written
    assert "paid at the end of the episode alone" in written

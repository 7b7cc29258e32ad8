"""Two hosts beside each other."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.contracts import MetricScale
from tamiyo.ui.page.pairs import write_pair
from tests.support.stories import build_whole_run, tell


def test_timelines_curves_and_decisions_stand_beside_each_other(tmp_path):
    host = tell(tmp_path, build_whole_run()).hosts[0]
    idle = replace(host, decisions=(), spans=())
    written = write_pair(host, idle)
    assert written.count('class="timeline"') == 2
    assert "A: the growing network" in written
    assert "B: the host alone" in written
    acts = {decision.epoch for decision in host.decisions if decision.op != "WAIT"}
    assert written.count("<td>waited</td></tr>") == len(acts)
    assert "Neither did anything but wait" in write_pair(idle, idle)


def test_different_metrics_share_no_picture(tmp_path):
    host = tell(tmp_path, build_whole_run()).hosts[0]
    other = replace(host, metric=MetricScale(name="bits per byte", best=0.0, worst=8.0))
    assert "A is measured in accuracy, B in bits per byte" in write_pair(host, other)

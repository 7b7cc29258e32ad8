"""The structure timeline."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tamiyo.ui.page.timeline import draw_timeline, draw_timeline_legend, find_x
from tests.support.live import build_half_a_run
from tests.support.stories import build_whole_run, tell


@pytest.fixture(name="host")
def _host(tmp_path):
    return tell(tmp_path, build_whole_run()).hosts[0]


def list_titles(drawn):
    return re.findall(r"<title>([^<]*)</title>", drawn)


def test_every_stage_of_every_slot_is_drawn_and_told(host):
    drawn = draw_timeline(host)
    assert len(re.findall(r'class="span fill-', drawn)) == len(host.spans)
    for slot_id in host.slot_ids:
        assert f'aria-label="Slot {slot_id}"' in drawn
    told = [title for title in list_titles(drawn) if title.startswith("Slot ")]
    assert len(told) == len(host.spans)
    assert any("alpha" in title and "contribution" in title for title in told)


def test_every_decision_has_its_reason_in_its_title(host):
    titles = list_titles(draw_timeline(host))
    for decision in host.decisions:
        if decision.op != "WAIT":
            told = [title for title in titles if title.startswith(f"Epoch {decision.epoch}: ")]
            assert any((decision.reason or "no reason given") in title for title in told)


def test_everything_that_says_more_can_be_reached(host):
    drawn = draw_timeline(host)
    assert drawn.count('class="hit" tabindex="0" role="img"') == len(list_titles(drawn))


def test_epochs_lie_between_the_edges_in_order(host):
    places = [find_x(host, epoch) for epoch in range(61)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (84, 988)


def test_epochs_that_are_not_in_the_log_are_marked(tmp_path, host):
    half = tell(tmp_path, build_half_a_run()).hosts[0]
    assert "not in the log" in draw_timeline(half)
    assert "not in the log" not in draw_timeline(host)


def test_words_of_the_log_are_escaped(host):
    evil = replace(host.decisions[0], op="PRUNE", slot_id=host.slot_ids[0], reason="<script>")
    drawn = draw_timeline(replace(host, decisions=(evil,)))
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_the_legend_names_every_color_once():
    legend = draw_timeline_legend()
    assert legend.count('class="swatch') == 6
    assert legend.count("decision: ") == 5

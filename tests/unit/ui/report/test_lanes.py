from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from tamiyo.contracts import Blueprint, encode_event
from tamiyo.telemetry import summarize_run
from tamiyo.ui.report.lanes import draw_lanes
from tests.support.events import build_run


@pytest.fixture
def axes():
    axes = Figure().add_subplot()
    axes.set_xlim(0, 60)
    return axes


@pytest.fixture(scope="module")
def summary():
    return summarize_run(encode_event(event) for event in build_run())


def test_the_first_slot_is_the_top_lane(axes, summary):
    draw_lanes(axes, summary)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["r0c2", "r0c1", "r0c0"]


def test_each_seed_is_labeled_once_from_its_birth_on(axes, summary):
    draw_lanes(axes, summary)
    labels = {text.get_text(): text.get_position() for text in axes.texts}
    assert labels == {
        "norm": (11.25, 2),
        "bottleneck": (46.25, 2),
        "conv_light": (7.25, 1),
        "depthwise": (25.25, 0),
    }


@pytest.mark.parametrize("last_epoch", [14, 13])
def test_a_label_gets_smaller_and_shorter_before_it_meets_the_next_seed(axes, summary, last_epoch):
    first = replace(
        summary.spans[0], blueprint=Blueprint.FLEX_ATTENTION, last_epoch=last_epoch, alphas=()
    )
    first = replace(first, alphas=(0.0,) * (first.last_epoch - first.first_epoch + 1))
    second = replace(
        first, seed_id="next", first_epoch=last_epoch + 1, last_epoch=60,
        alphas=(0.0,) * (60 - last_epoch),
    )  # fmt: skip
    draw_lanes(axes, replace(summary, spans=(first, second)))
    text, following = axes.texts
    assert text.get_fontsize() < 8
    assert text.get_window_extent().x1 <= following.get_window_extent().x0
    assert following.get_text() == "flex_attention"


def test_the_legend_names_every_stage_once(axes, summary):
    draw_lanes(axes, summary)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [
        "germinated",
        "training",
        "blending",
        "holding",
        "fossilized",
        "closed after a prune",
    ]


def test_bars_are_as_high_as_alpha(axes, summary):
    blending = [span for span in summary.slot_spans("r0c1") if span.stage.name == "BLENDING"]
    draw_lanes(axes, replace(summary, spans=tuple(blending)))
    full, solid = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    heights = solid.get_data().values - solid.get_data().baseline
    assert heights == pytest.approx([0.78 * alpha for alpha in blending[0].alphas])
    assert full.get_data().values.tolist() == pytest.approx([1.39] * 5)

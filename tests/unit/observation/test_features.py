"""Features: what a quantity becomes, in numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import Blueprint, SeedStage, Style
from tamiyo.observation import ObservationEncoder, build_layout
from tamiyo.observation.features import BASE, SLOT, TELEMETRY
from tests.support.observations import SCALE_TASK, build_arrays

LAYOUT = build_layout(3, telemetry=True)


def read(arrays, name):
    observation = ObservationEncoder(LAYOUT, SCALE_TASK).encode(arrays)[0]
    return float(observation[LAYOUT.index(name)])


def test_blocks_have_the_documented_sizes():
    sizes = [sum(feature.size for feature in block) for block in (BASE, SLOT, TELEMETRY)]
    assert sizes == [23, 39, 26]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 5 / 20),
        ("global_step", 50 / 200),
        ("train_loss", (1.0 - 0.5) / 1.5),
        ("loss_delta", 0.1 / 1.5),
        ("control_accuracy", 0.6),
        ("accuracy_delta", np.log(3) / np.log(101)),
        ("plateau_epochs", 3 / 20),
        ("best_loss", (1.1 - 0.5) / 1.5),
        ("loss_history_1", (1.9 - 0.5) / 1.5),
        ("accuracy_history_5", 0.6),
        ("parameters", np.log(1.2)),
        ("seed_utilization", 1.0),
        ("slot1.active", 1.0),
        ("slot1.stage_blending", 1.0),
        ("slot1.alpha", 0.2),
        ("slot1.contribution", np.log(4) / np.log(101)),
        ("slot1.tempo", 5 / 8),
        ("slot1.alpha_mode", 1 / 2),
        ("slot1.steps_total", 5 / 8),
        ("slot1.steps_left", 4 / 8),
        ("slot1.alpha_velocity", (0.7 - 0.2) / 4),
        ("slot1.algorithm", 0.0),
        ("slot1.interaction_sum", -np.log(2) / np.log(101)),
        ("slot1.alpha_upstream", 0.2 / 2),
        ("slot0.alpha_downstream", 0.4 / 2),
        ("slot1.blueprint_norm", 1.0),
        ("slot1.telemetry.gradient_norm", np.log(3) / np.log(101)),
        ("slot1.telemetry.epochs_in_stage", 2 / 20),
        ("slot1.telemetry.accuracy", 0.6),
        ("slot1.telemetry.epoch", 5 / 20),
        ("slot1.telemetry.improvement", np.log(2.5) / np.log(101)),
    ],
)
@pytest.mark.requirement("1.1")
def test_a_quantity_is_scaled_as_documented(name, value):
    assert read(build_arrays(), name) == pytest.approx(value)


@pytest.mark.parametrize("points", [-100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0])
def test_points_are_compressed_evenly_to_both_sides(points):
    arrays = build_arrays()
    arrays.seeds.contribution[0, 0] = points
    expected = {0: 0, 1: 0.1502, 10: 0.5196, 100: 1}[abs(points)]
    assert read(arrays, "slot0.contribution") == pytest.approx(np.sign(points) * expected, abs=1e-4)


@pytest.mark.parametrize(
    ("norm", "vanishing", "exploding"),
    [(0.0, 1, 0), (1e-8, 1, 0), (1e-6, 0, 0), (100.0, 0, 0), (101.0, 0, 1), (np.nan, -1, -1)],
)
def test_gradients_vanish_and_explode_at_the_documented_norms(norm, vanishing, exploding):
    arrays = build_arrays()
    arrays.seeds.gradient_norm[0, 2] = norm
    assert read(arrays, "slot2.telemetry.gradient_vanishing") == vanishing
    assert read(arrays, "slot2.telemetry.gradient_exploding") == exploding


@pytest.mark.requirement("4.4")
def test_gradient_health_is_shown_as_it_is_now_only():
    shown = [field.name for field in LAYOUT.fields if "health" in field.name]
    assert shown == [f"slot{slot}.telemetry.gradient_health" for slot in range(3)]


def test_utilization_counts_living_seeds():
    arrays = build_arrays()
    arrays.seeds.stage[0] = [SeedStage.FOSSILIZED, SeedStage.EMBARGOED, SeedStage.GERMINATED]
    assert read(arrays, "seed_utilization") == pytest.approx(2 / 3)


def test_other_seeds_count_upstream_and_downstream_only_while_they_live():
    arrays = build_arrays()
    arrays.seeds.alpha[0] = [0.5, 0.7, 1.0]
    arrays.seeds.stage[0, 0] = SeedStage.PRUNED
    assert read(arrays, "slot2.alpha_upstream") == pytest.approx(0.7 / 2)
    assert read(arrays, "slot1.alpha_downstream") == pytest.approx(1.0 / 2)


def test_a_single_slot_has_no_neighbors():
    layout = build_layout(1)
    observation = ObservationEncoder(layout, SCALE_TASK).encode(build_arrays(slots=1))[0]
    for name in ("slot0.alpha_upstream", "slot0.alpha_downstream"):
        assert observation[layout.index(name)] == 0


@pytest.mark.parametrize("style", list(Style))
def test_the_algorithm_is_that_of_the_style(style):
    arrays = build_arrays()
    arrays.seeds.style[:] = style
    assert read(arrays, "slot0.algorithm") == (style.algorithm - 1) / 2


@pytest.mark.parametrize("blueprint", list(Blueprint))
@pytest.mark.requirement("1.3")
def test_each_blueprint_has_its_place(blueprint):
    arrays = build_arrays()
    arrays.seeds.blueprint[:] = blueprint
    assert read(arrays, f"slot0.blueprint_{blueprint.name.lower()}") == 1

"""The encoder: which number moves which, what is unknown, void, cut or refused."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings

from tamiyo.contracts import (
    Blueprint,
    ConfigError,
    InvariantError,
    SeedStage,
    ShapeError,
    StageError,
    Style,
    Tempo,
)
from tamiyo.observation import (
    FREE,
    CourseArrays,
    ObservationEncoder,
    SeedArrays,
    SizeArrays,
    build_layout,
    gather_arrays,
)
from tests.support.observations import SCALE_TASK, build_arrays
from tests.support.reports import build_signals, host_reports

LAYOUT = build_layout(3, telemetry=True)
MASKS_ONLY = {
    "seeds.age_epochs",
    "seeds.gate_passed",
    "sizes.max_parameters",
    "sizes.blueprint_parameters",
    "sizes.gate_parameters",
    "sizes.min_prune_age_epochs",
}
"""Read by legality; a controller meets them as masks."""

MOVES = {
    "course.epoch": "epoch slot0.telemetry.epoch slot1.telemetry.epoch slot2.telemetry.epoch",
    "course.control_accuracy": "control_accuracy slot0.telemetry.accuracy slot1.telemetry.accuracy "
    "slot2.telemetry.accuracy",
    "course.loss_history": "loss_history_2",
    "course.accuracy_history": "accuracy_history_2",
    "sizes.host_parameters": "parameters",
    "sizes.parameters": "parameters",
    "seeds.stage": "stage_blending stage_holding telemetry.stage_blending telemetry.stage_holding",
    "seeds.blueprint": "blueprint_norm blueprint_depthwise",
    "seeds.style": "algorithm telemetry.algorithm",
    "seeds.alpha": "alpha alpha_velocity telemetry.alpha telemetry.alpha_velocity "
    "slot0.alpha_downstream slot2.alpha_upstream",
    "seeds.alpha_target": "alpha_target alpha_velocity telemetry.alpha_target "
    "telemetry.alpha_velocity",
    "seeds.alpha_mode": "alpha_mode telemetry.alpha_mode",
    "seeds.steps_total": "steps_total steps_left alpha_velocity telemetry.steps_total "
    "telemetry.steps_left telemetry.alpha_velocity",
    "seeds.steps_done": "steps_done steps_left alpha_velocity telemetry.steps_done "
    "telemetry.steps_left telemetry.alpha_velocity",
    "seeds.epochs_in_stage": "telemetry.epochs_in_stage",
    "seeds.improvement_points": "telemetry.improvement",
    "seeds.gradient_norm": "telemetry.gradient_norm",
    "seeds.gradient_health": "telemetry.gradient_health",
}
"""What a source moves, in slot 1 unless a slot is named; else the one field of the same name."""

CHANGED = {"seeds.stage": SeedStage.HOLDING, "seeds.style": Style.GATED_GATE}
SOURCES = [
    f"{part}.{item.name}"
    for part, record in (("course", CourseArrays), ("seeds", SeedArrays), ("sizes", SizeArrays))
    for item in fields(record)
]


def encode(arrays, layout=LAYOUT, task=SCALE_TASK):
    return ObservationEncoder(layout, task).encode(arrays)


def read(arrays, name, env=0):
    return encode(arrays)[env, LAYOUT.index(name)]


def column(arrays, source):
    part, name = source.split(".")
    return getattr(getattr(arrays, part), name)


def expected_moves(source):
    if source in MASKS_ONLY:
        return set()
    part, name = source.split(".")
    moved = MOVES.get(source, name).split()
    return {
        field if part != "seeds" or field.startswith("slot") else f"slot1.{field}"
        for field in moved
    }


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.requirement("1.1")
def test_one_source_moves_its_documented_fields_in_its_environment_only(source):
    arrays = build_arrays(num_envs=3)
    before = encode(arrays)
    values = column(arrays, source)
    place = (1, 1, 3)[: values.ndim]
    step = 1 if values.dtype.kind in "iu" else 0.05
    values[place] = ~values[place] if values.dtype == bool else values[place] + step
    if source in CHANGED:
        values[place] = CHANGED[source]
    moved = np.argwhere(encode(arrays) != before)
    assert {LAYOUT.fields[index].name for _, index in moved} == expected_moves(source)
    assert set(moved[:, 0].tolist()) <= {1}


def test_every_source_that_is_read_is_documented():
    assert set(MOVES) | MASKS_ONLY <= set(SOURCES)


def test_every_field_moves_but_those_that_nothing_can_move():
    rng = np.random.default_rng(0)
    arrays = build_arrays(num_envs=300)
    for record in (arrays.course, arrays.seeds, arrays.sizes):
        for values in vars(record).values():
            values[...] = values * rng.uniform(0, 3, values.shape)
    seeds = arrays.seeds
    stages = [stage for stage in SeedStage if stage not in {SeedStage.UNKNOWN, SeedStage.DORMANT}]
    for name, choices in (
        ("stage", [FREE, *stages]),
        ("blueprint", list(Blueprint)),
        ("style", list(Style)),
        ("tempo", list(Tempo)),
        ("alpha_mode", [0, 1, 2]),
        ("gradient_norm", [0.0, 2.0, 200.0]),
    ):
        setattr(seeds, name, rng.choice(choices, seeds.stage.shape))
    constant = np.ptp(encode(arrays), axis=0) == 0
    stuck = {field.name for field, flag in zip(LAYOUT.fields, constant, strict=True) if flag}
    impossible = {f"slot{k}.{part}stage_unknown" for k in range(3) for part in ("", "telemetry.")}
    assert stuck == impossible | {"slot0.alpha_upstream", "slot2.alpha_downstream"}


@pytest.mark.requirement("1.1", "1.4")
def test_observations_are_float32_and_within_the_range_of_their_fields():
    observations = encode(build_arrays(num_envs=4))
    assert observations.dtype == np.float32
    assert observations.shape == (4, 218)
    low = np.array([field.low for field in LAYOUT.fields])
    high = np.array([field.high for field in LAYOUT.fields])
    assert ((observations >= low) & (observations <= high)).all()


@pytest.mark.requirement("1.1")
def test_what_is_not_measured_has_its_code_and_never_zero():
    arrays = build_arrays(num_envs=1)
    always = {"best_accuracy", "best_loss", "alpha", "alpha_target", "max_parameters"}
    for record in (arrays.course, arrays.seeds):
        for name, values in vars(record).items():
            if values.dtype == np.float64 and name not in always:
                values[...] = np.nan
    observation = encode(arrays)[0]
    for field, value in zip(LAYOUT.fields, observation, strict=True):
        if field.unknown is not None and not field.name.startswith("best_"):
            assert value == field.unknown, field.name


def test_the_encoder_says_what_was_unknown_or_void():
    arrays = build_arrays(num_envs=2)
    arrays.course.loss_delta[1] = np.nan
    arrays.seeds.stage[0, 1] = FREE
    encoder = ObservationEncoder(LAYOUT, SCALE_TASK)
    assert encoder.unknown.shape == (0, LAYOUT.size)
    encoder.encode(arrays)
    assert encoder.unknown.shape == (2, LAYOUT.size)
    assert encoder.unknown[:, LAYOUT.index("loss_delta")].tolist() == [False, True]
    assert encoder.unknown[:, LAYOUT.index("slot1.alpha")].tolist() == [True, False]
    assert not encoder.unknown[:, LAYOUT.index("control_loss")].any()


def test_what_must_be_measured_and_is_not_is_a_bug():
    arrays = build_arrays()
    arrays.seeds.alpha_target[1, 2] = np.nan
    with pytest.raises(InvariantError, match=r"slot2\.alpha_target must always be .*, got NaN"):
        encode(arrays)


@pytest.mark.parametrize("stage", [FREE, *sorted(SeedStage)[-3:]])
def test_without_a_seed_only_the_stage_and_noop_are_shown(stage):
    arrays = build_arrays()
    arrays.seeds.stage[:, 1] = stage
    arrays.seeds.blueprint[:, 1] = 77
    arrays.seeds.alpha[:, 1] = np.nan
    observation = encode(arrays)[0]
    shown = {
        field.name.removeprefix("slot1.")
        for field, value in zip(LAYOUT.fields, observation, strict=True)
        if field.name.startswith("slot1.") and value != 0
    }
    name = "dormant" if stage == FREE else SeedStage(stage).name.lower()
    expected = {f"stage_{name}", f"telemetry.stage_{name}", "blueprint_noop"}
    assert shown == expected | (set() if stage == FREE else {"active"})


@settings(max_examples=40)
@given(host_reports())
@pytest.mark.requirement("1.1", "1.2")
def test_one_hots_sum_to_one_and_reports_never_break_a_range(host):
    arrays = gather_arrays([host], [build_signals()])
    layout = build_layout(len(host.slots), telemetry=True)
    encoder = ObservationEncoder(layout, SCALE_TASK)
    observation = encoder.encode(arrays)[0]
    for prefix in ("stage_", "telemetry.stage_", "blueprint_"):
        for slot in range(layout.slots):
            whole = [f.name.startswith(f"slot{slot}.{prefix}") for f in layout.fields]
            assert observation[whole].sum() == 1
    assert not any("alpha" in name for name in encoder.saturated())


@pytest.mark.parametrize(
    ("initial", "target"), [(math.log(50257), 3.5), (2.3, 0.1), (2.3, 2.0), (0.7, 0.0)]
)
@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
@pytest.mark.requirement("2.3")
def test_losses_up_to_half_above_the_initial_one_are_not_cut(initial, target, share):
    task = replace(SCALE_TASK, initial_loss=initial, target_loss=target)
    encoder = ObservationEncoder(LAYOUT, task)
    arrays = build_arrays()
    for name in ("train_loss", "control_loss", "best_loss", "loss_history"):
        getattr(arrays.course, name)[...] = share * initial
    encoder.encode(arrays)
    assert encoder.saturated() == {}


@pytest.mark.parametrize(
    ("source", "value", "name", "end"),
    [
        ("course.control_loss", 1e300, "control_loss", 2),
        ("course.control_loss", np.inf, "control_loss", 2),
        ("course.loss_delta", -np.inf, "loss_delta", -2),
        ("course.global_step", 400, "global_step", 1),
        ("sizes.parameters", 10**6, "parameters", 3),
        ("seeds.contribution", -150.0, "slot1.contribution", -1),
        ("seeds.gradient_norm", 1e5, "slot1.telemetry.gradient_norm", 1),
    ],
)
@pytest.mark.requirement("2.3")
def test_what_is_cut_is_counted_under_its_name(source, value, name, end):
    encoder = ObservationEncoder(LAYOUT, SCALE_TASK)
    arrays = build_arrays(num_envs=4)
    encoder.encode(arrays)
    assert encoder.saturated() == {}
    values = column(arrays, source)
    values[(2, 1)[: values.ndim]] = value
    assert encoder.encode(arrays)[2, LAYOUT.index(name)] == end
    assert encoder.saturated() == {name: 1 / 8}
    encoder.reset_counts()
    assert encoder.saturated() == {}


@pytest.mark.requirement("2.3")
def test_the_share_is_that_of_the_measured_values():
    encoder = ObservationEncoder(LAYOUT, SCALE_TASK)
    arrays = build_arrays(num_envs=4)
    arrays.seeds.contribution[:, 0] = [500.0, 1.0, np.nan, 1.0]
    arrays.seeds.stage[3, 0] = FREE
    encoder.encode(arrays)
    assert encoder.saturated() == {"slot0.contribution": 1 / 2}


def test_a_layout_without_telemetry_is_the_beginning_of_the_one_with_it():
    arrays = build_arrays()
    plain = encode(arrays, build_layout(3))
    np.testing.assert_array_equal(plain, encode(arrays)[:, :140])


def test_arrays_are_left_as_they_were():
    arrays, untouched = build_arrays(), build_arrays()
    arrays.seeds.stage[0, 0] = untouched.seeds.stage[0, 0] = FREE
    encode(arrays)
    for part in ("course", "seeds", "sizes"):
        np.testing.assert_equal(vars(getattr(arrays, part)), vars(getattr(untouched, part)))


def test_arrays_with_other_slots_are_refused():
    with pytest.raises(ShapeError, match="must have 3 slots as the layout does, got 2"):
        encode(build_arrays(slots=2))


def test_a_task_of_unknown_batches_is_refused():
    task = replace(SCALE_TASK, batches_per_epoch=None)
    with pytest.raises(ConfigError, match=r"batches_per_epoch of task toy must be known .* none"):
        ObservationEncoder(LAYOUT, task)


@pytest.mark.parametrize("stage", [5, 11, -2])
@pytest.mark.requirement("1.2")
def test_a_stage_that_does_not_exist_is_refused_with_its_place(stage):
    arrays = build_arrays()
    arrays.seeds.stage[1, 2] = stage
    with pytest.raises(StageError, match=f"slot 2 in environment 1 must be .*, got {stage}"):
        encode(arrays)


@pytest.mark.parametrize("blueprint", [-1, 13])
@pytest.mark.requirement("1.3")
def test_a_blueprint_that_is_not_registered_is_refused_with_its_place(blueprint):
    arrays = build_arrays()
    arrays.seeds.blueprint[1, 2] = blueprint
    with pytest.raises(ConfigError, match=rf"slot 2 in environment 1 must .*, got {blueprint}"):
        encode(arrays)

"""Masks: equal to legality, head by head, under every reachable choice of parents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import (
    AlphaMode,
    Blueprint,
    Head,
    LifecycleOp,
    SeedStage,
    ShapeError,
    StageError,
    Style,
    build_action_spec,
    find_refusal,
    legal_choices,
)
from tamiyo.observation import (
    compute_action_masks,
    gather_arrays,
    is_allowed,
    marginalize,
    sample_uniform,
)
from tests.support.observations import build_arrays
from tests.support.reports import (
    build_alpha_report,
    build_host_report,
    build_seed_report,
    build_signals,
    build_slot_report,
    host_reports,
)

PARAMETERS = [head for head in Head if head not in {Head.OP, Head.SLOT}]


def mask(*hosts):
    count = len(hosts)
    arrays = gather_arrays(hosts, [build_signals()] * count)
    spec = build_action_spec(hosts[0].slot_ids)
    return spec, compute_action_masks(arrays, spec)


def split(spec, row):
    """The mask of each head for one environment, an axis per parent and one of choices."""
    parts = zip(spec.names, spec.mask_slices, spec.mask_shapes, strict=True)
    return {name: row[where].reshape(shape) for name, where, shape in parts}


def walk(host, spec):
    """Ask legality for every head after every legal choice of the heads it depends on."""
    shapes = zip(spec.names, spec.mask_shapes, strict=True)
    expected = {name: np.zeros(shape, dtype=bool) for name, shape in shapes}
    prefixes = [{}]
    for position, head in enumerate(spec.heads):
        asked = {parent for later in spec.heads[position + 1 :] for parent in later.parents}
        grown = {}
        for chosen in prefixes:
            legal = legal_choices(host, head.name, chosen)
            expected[head.name][tuple(chosen[parent] for parent in head.parents)] = legal
            for index in np.flatnonzero(legal).tolist():
                longer = chosen | {head.name: index}
                grown[tuple(longer[name] for name in longer if name in asked)] = longer
        prefixes = list(grown.values())
    return expected


def check_mask(host, spec, row):
    got = split(spec, row)
    for head, expected in walk(host, spec).items():
        np.testing.assert_array_equal(got[head], expected, err_msg=head)


def with_same_slots(first, second):
    count = min(len(first.slots), len(second.slots))
    return [replace(host, slots=host.slots[:count]) for host in (first, second)]


@settings(max_examples=30)
@given(st.builds(with_same_slots, host_reports(), host_reports()))
@pytest.mark.requirement("3.1", "4.2")
def test_masks_equal_legality_under_every_reachable_choice_of_parents(hosts):
    spec, masks = mask(*hosts)
    for host, row in zip(hosts, masks, strict=True):
        check_mask(host, spec, row)


@settings(max_examples=30)
@given(st.builds(with_same_slots, host_reports(), host_reports()), st.integers(0, 2**32 - 1))
@pytest.mark.requirement("3.1")
def test_what_is_sampled_from_masks_is_never_refused(hosts, seed):
    spec, masks = mask(*hosts)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        actions = sample_uniform(spec, masks, rng)
        for host, action in zip(hosts, actions.tolist(), strict=True):
            assert find_refusal(host, tuple(action)) is None


@settings(max_examples=50)
@given(host_reports(), st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_masks_allow_what_legality_does_not_refuse(host, choices):
    spec, masks = mask(host)
    action = [choice % size for choice, size in zip(choices, spec.nvec, strict=True)]
    assert is_allowed(spec, masks, np.array([action])) == (
        find_refusal(host, tuple(action)) is None
    )


@pytest.mark.parametrize("stage", [*SeedStage][2:], ids=lambda stage: stage.name)
@pytest.mark.requirement("3.1")
def test_without_a_free_slot_the_blueprint_is_noop_and_without_alpha_the_rest_is_neutral(stage):
    slots = [build_slot_report(f"r0c{k}", stage, gate_passed=True) for k in range(2)]
    spec, masks = mask(build_host_report(*slots))
    marginal = marginalize(spec, masks)[0]
    legal = dict(zip(spec.names, np.split(marginal, np.cumsum(spec.nvec)[:-1]), strict=True))
    assert np.flatnonzero(legal[Head.BLUEPRINT]).tolist() == [Blueprint.NOOP]
    if not legal[Head.OP][[LifecycleOp.SET_ALPHA_TARGET, LifecycleOp.PRUNE]].any():
        chosen = {name: np.flatnonzero(legal[name]).tolist() for name in PARAMETERS}
        assert chosen == {head.name: [head.neutral] for head in spec.heads[2:]}


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 0.5, 0.7 - 5e-7, 0.7 + 2e-6, 0.9, 1.0, 1 - 2e-6])
def test_an_alpha_that_counts_as_a_target_does_so_in_the_masks(alpha):
    seed = build_seed_report(style=Style.LINEAR_ADD, alpha=build_alpha_report(alpha=alpha))
    host = build_host_report(build_slot_report(stage=SeedStage.HOLDING, seed=seed))
    spec, masks = mask(host)
    check_mask(host, spec, masks[0])


@pytest.mark.parametrize("gate_parameters", [0, 5])
@pytest.mark.parametrize("max_parameters", [900, 1000, 1005, 1020, 1025, 1100, None])
@pytest.mark.requirement("0.9")
def test_the_budget_is_compared_to_the_parameter(max_parameters, gate_parameters):
    sizes = {Blueprint.NORM: 20, Blueprint.DEPTHWISE: 100}
    slots = [
        build_slot_report("r0c0", blueprint_parameters=sizes, gate_parameters=gate_parameters),
        build_slot_report("r0c1", SeedStage.HOLDING, gate_parameters=gate_parameters),
    ]
    host = build_host_report(*slots, parameters=1000, max_parameters=max_parameters)
    spec, masks = mask(host)
    check_mask(host, spec, masks[0])


@pytest.mark.parametrize("age", [1, 2, 3])
@pytest.mark.requirement("0.5")
def test_a_seed_may_be_pruned_from_the_least_age_on(age):
    seed = build_seed_report(age_epochs=age)
    slot = build_slot_report(stage=SeedStage.TRAINING, seed=seed)
    spec, masks = mask(build_host_report(slot, min_prune_age_epochs=2))
    assert split(spec, masks[0])[Head.OP][LifecycleOp.PRUNE] == (age >= 2)


def test_only_the_stage_counts_where_no_seed_lives():
    arrays = build_arrays()
    arrays.seeds.stage[:] = SeedStage.EMBARGOED
    spec = build_action_spec(("r0c0", "r0c1", "r0c2"))
    before = compute_action_masks(arrays, spec)
    arrays.seeds.style[:] = -7
    arrays.seeds.alpha[:] = np.nan
    arrays.seeds.alpha_mode[:] = AlphaMode.DOWN
    np.testing.assert_array_equal(compute_action_masks(arrays, spec), before)


@pytest.mark.requirement("1.4")
def test_masks_are_bool_and_a_new_array_each_time():
    arrays, spec = build_arrays(), build_action_spec(("r0c0", "r0c1", "r0c2"))
    first, second = (compute_action_masks(arrays, spec) for _ in range(2))
    assert first.dtype == np.bool_
    assert first.shape == (2, spec.mask_size)
    assert not np.shares_memory(first, second)
    assert marginalize(spec, first).dtype == np.bool_


def test_small_integers_do_not_overflow():
    arrays, spec = build_arrays(), build_action_spec(("r0c0", "r0c1", "r0c2"))
    expected = compute_action_masks(arrays, spec)
    for name in ("stage", "style", "alpha_mode", "age_epochs"):
        setattr(arrays.seeds, name, getattr(arrays.seeds, name).astype(np.int8))
    np.testing.assert_array_equal(compute_action_masks(arrays, spec), expected)


def test_a_specification_for_other_slots_is_refused():
    with pytest.raises(ShapeError, match="must have 1 slots as the actions do, got 3"):
        compute_action_masks(build_arrays(), build_action_spec(("r0c0",)))


def test_a_stage_that_does_not_exist_is_refused():
    arrays = build_arrays()
    arrays.seeds.stage[1, 2] = 5
    with pytest.raises(StageError, match=r"slot 2 in environment 1 must be .*, got 5"):
        compute_action_masks(arrays, build_action_spec(("r0c0", "r0c1", "r0c2")))

from __future__ import annotations

from collections import OrderedDict
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from tamiyo.contracts import (
    ACCURACY,
    ConfigError,
    LifecycleConfig,
    LifecycleOp,
    MetricScale,
    SeedStage,
    Style,
)
from tamiyo.engine import (
    SplitResult,
    compute_paired_difference,
    evaluate_variants,
    measure_fossils,
    validate,
)
from tamiyo.model import attach
from tamiyo.tasks import CLASSIFICATION, Split, Units, compute_cross_entropies
from tests.support.tasks import (
    EAGER,
    SLOTS,
    act,
    build_model,
    build_noisy_host,
    build_tiny_data,
    build_tiny_host,
    copy_state,
    germinate,
    wake,
)

CONTROL = build_tiny_data().control
STYLES = dict(zip(SLOTS, (Style.LINEAR_ADD, Style.GATED_GATE, Style.LINEAR_MULTIPLY), strict=True))


def units(values):
    return Units(values=values, weights=torch.ones_like(values))


def grow(*live, host=None, whole=False):
    """A model with these seeds blended in at full strength."""
    model = build_model(host, whole=whole)
    for slot_id in live:
        assert model.apply_command(germinate(slot_id, style=STYLES[slot_id])).executed
        assert model.apply_command(act(LifecycleOp.ADVANCE, slot_id)).executed
    wake(model)
    return model


def evaluate_without(model, off):
    """Brute force: really take the seeds out, run the whole network, put them back."""
    seeds = {slot_id: model.slots[slot_id].seed for slot_id in off}
    for slot_id in off:
        model.slots[slot_id].seed = None
    model.eval()
    with torch.no_grad():
        outputs = model(CONTROL.inputs)
    model.train()
    for slot_id, seed in seeds.items():
        model.slots[slot_id].seed = seed
    return SplitResult(
        values=units((outputs.argmax(dim=1) == CONTROL.targets).double()),
        losses=units(compute_cross_entropies(outputs, CONTROL.targets).double()),
        scale=ACCURACY,
    )


def assert_same(one, two):
    assert torch.equal(one.values.values, two.values.values)
    assert torch.equal(one.losses.values, two.losses.values)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("live", [("r0c1",), ("r0c0", "r0c2"), tuple(SLOTS)])
def test_validation_equals_separate_passes_bit_for_bit(live, whole):
    model = grow(*live, whole=whole)
    validation = validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    main = evaluate_without(model, ())
    assert_same(validation.main, main)
    assert_same(validation.committed, evaluate_without(model, live))
    assert validation.contributions == {
        slot_id: compute_paired_difference(main, evaluate_without(model, (slot_id,)))
        for slot_id in live
    }


@pytest.mark.parametrize("live", [("r0c0", "r0c2"), tuple(SLOTS)])
def test_interactions_are_inclusion_and_exclusion_of_every_pair(live):
    model = grow(*live)
    interactions = validate(model, CONTROL, CLASSIFICATION, ACCURACY).interactions
    assert [report.slot_ids for report in interactions] == list(combinations(live, 2))
    for report in interactions:
        one, two = report.slot_ids
        subsets = ((), (one,), (two,), (one, two))
        both, first, second, none = (evaluate_without(model, off).accuracy for off in subsets)
        assert report.points == both - first - second + none


@pytest.mark.parametrize(
    ("live", "variants"), [((), 1), (("r0c1",), 2), (("r0c0", "r0c1"), 4), (tuple(SLOTS), 8)]
)
def test_only_the_variants_that_are_needed_are_run(live, variants, monkeypatch):
    model = grow(*live)
    ran = []
    run = model.execution.run_variants
    monkeypatch.setattr(
        model.execution, "run_variants", lambda x, wanted: ran.extend(wanted) or run(x, wanted)
    )
    validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert len(ran) == variants


def test_a_network_without_live_seeds_is_its_own_committed_network():
    validation = validate(build_model(), CONTROL, CLASSIFICATION, ACCURACY)
    assert_same(validation.main, validation.committed)
    assert not validation.contributions
    assert not validation.interactions


def test_the_shadow_gain_is_what_an_incubating_seed_would_change():
    model = build_model(config=LifecycleConfig(incubate=True))
    for slot_id in ("r0c0", "r0c1"):
        model.apply_command(germinate(slot_id))
        model.apply_command(act(LifecycleOp.ADVANCE, slot_id))
    wake(model)
    validation = validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert not validation.contributions
    for slot_id in ("r0c0", "r0c1"):
        seed = model.slots[slot_id].seed
        seed.stage = SeedStage.BLENDING
        seed.schedule.begin(Style.LINEAR_ADD, 1.0, steps=0, curve=Style.LINEAR_ADD.ramp_curve)
        expected = compute_paired_difference(evaluate_without(model, ()), validation.main)
        seed.stage = SeedStage.TRAINING
        assert validation.shadow_gains[slot_id] == expected


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.BLENDING, SeedStage.HOLDING])
def test_a_seed_without_influence_has_no_contribution(stage):
    model = build_model()
    model.apply_command(germinate())
    model.slots["r0c0"].seed.stage = stage
    validation = validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert not validation.contributions
    assert not validation.shadow_gains


def test_the_paired_difference_is_mean_and_standard_error_as_numpy_has_them():
    random = np.random.default_rng(0)
    right = random.random((2, 40)) < [[0.8], [0.6]]
    losses = random.random((2, 40)).astype(np.float32)
    one, two = (
        SplitResult(
            values=units(torch.tensor(right[row]).double()),
            losses=units(torch.tensor(losses[row]).double()),
            scale=ACCURACY,
        )
        for row in (0, 1)
    )
    difference = compute_paired_difference(one, two)
    points = 100 * (right[0].astype(float) - right[1].astype(float))
    loss = losses[1].astype(float) - losses[0].astype(float)
    assert difference.points == pytest.approx(points.mean())
    assert difference.points_error == pytest.approx(points.std(ddof=1) / 40**0.5)
    assert difference.loss == pytest.approx(loss.mean())
    assert difference.loss_error == pytest.approx(loss.std(ddof=1) / 40**0.5)


def test_accuracy_is_percent_and_loss_the_mean():
    result = SplitResult(
        values=units(torch.tensor([1.0, 0.0, 1.0, 1.0])),
        losses=units(torch.tensor([0.0, 2.0, 1.0, 1.0])),
        scale=ACCURACY,
    )
    assert (result.accuracy, result.loss) == (75.0, 1.0)


def test_lower_values_of_a_loss_like_metric_are_more_points():
    scale = MetricScale(name="error", best=0.0, worst=4.0)
    one, two = (
        SplitResult(values=units(torch.tensor(values)), losses=units(torch.zeros(2)), scale=scale)
        for values in ([1.0, 1.0], [2.0, 4.0])
    )
    assert (one.accuracy, two.accuracy) == (75.0, 25.0)
    difference = compute_paired_difference(one, two)
    assert (difference.points, difference.points_error) == pytest.approx((50.0, 25.0))


def test_the_error_over_a_single_unit_is_unknown():
    one = SplitResult(values=units(torch.ones(1)), losses=units(torch.ones(1)), scale=ACCURACY)
    difference = compute_paired_difference(one, one)
    assert (difference.points_error, difference.loss_error) == (None, None)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_restored(training):
    model = grow("r0c0", host=build_noisy_host).train(training)
    validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert {module.training for module in model.modules()} == {training}


def test_the_mode_of_the_model_is_restored_after_an_error():
    model = build_model()
    wide = Split(inputs=CONTROL.inputs.expand(-1, 2, -1, -1), targets=CONTROL.targets)
    with pytest.raises(RuntimeError, match=r"\[50, 2, 6, 6\]"):
        validate(model, wide, CLASSIFICATION, ACCURACY)
    assert model.training


def test_validation_changes_no_state_and_draws_nothing():
    model = grow(*SLOTS, host=build_noisy_host)
    before, generator = copy_state(model), torch.random.get_rng_state()
    report = model.report()
    validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert model.report() == report
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_split_larger_than_a_chunk_is_evaluated_whole():
    model = grow("r0c0")
    large = Split(inputs=CONTROL.inputs.repeat(25, 1, 1, 1), targets=CONTROL.targets.repeat(25))
    (result,) = evaluate_variants(model, large, CLASSIFICATION, ACCURACY, [{}])
    assert len(result.values.values) == len(result.losses.values) == 1250
    assert result.accuracy == evaluate_without(model, ()).accuracy


def test_fossils_are_judged_with_every_uncommitted_seed_off():
    model = grow(*SLOTS)
    for slot_id in ("r0c0", "r0c2"):
        model.slots[slot_id].seed.stage = SeedStage.FOSSILIZED
    committed, worth = measure_fossils(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert_same(committed, evaluate_without(model, ("r0c1",)))
    assert worth == {
        model.slots[slot_id].seed.seed_id: compute_paired_difference(
            committed, evaluate_without(model, ("r0c1", slot_id))
        )
        for slot_id in ("r0c0", "r0c2")
    }


class Restless(nn.Module):
    """Draws and counts in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.net = build_tiny_host()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, inputs):
        self.passes += 1
        return self.net(inputs + torch.randn_like(inputs))


@pytest.mark.parametrize("kind", ["whole", "cut"])
def test_every_variant_of_a_host_that_draws_meets_the_same_numbers(kind):
    noisy = nn.Sequential(OrderedDict(noise=Noise(), **dict(build_tiny_host().named_children())))
    host = Restless() if kind == "whole" else noisy
    prefix = "net." if kind == "whole" else ""
    slots = {slot_id: prefix + path for slot_id, path in SLOTS.items()}
    model = attach(host, slots, CONTROL.inputs, config=EAGER)
    for slot_id in SLOTS:
        assert model.apply_command(germinate(slot_id)).executed
        assert model.apply_command(act(LifecycleOp.ADVANCE, slot_id)).executed
    generator, buffers = torch.random.get_rng_state(), [b.clone() for b in model.buffers()]
    validation = validate(model, CONTROL, CLASSIFICATION, ACCURACY)
    assert {gain.points for gain in validation.contributions.values()} == {0.0}
    assert {gain.loss for gain in validation.contributions.values()} == {0.0}
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert all(map(torch.equal, model.buffers(), buffers))


class Noise(nn.Module):
    def forward(self, inputs):
        return inputs + torch.randn_like(inputs)


def test_batches_that_ran_dry_are_refused():
    with pytest.raises(ConfigError, match="must be at least one every time, got none"):
        validate(build_model(), [], CLASSIFICATION, ACCURACY)

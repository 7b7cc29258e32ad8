"""The synthetic course of training, worked out by hand where a formula stands behind it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tamiyo.contracts import Blueprint, SeedStage, Style
from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.curves import (
    SeedState,
    compute_host_accuracy,
    compute_learning_rates,
    compute_rent,
    compute_score,
    measure,
)
from tamiyo.environment.surrogate.draws import draw_episode
from tamiyo.environment.surrogate.needs import NEEDS, SEEDS

QUIET = {"noise_points": 0.0, "variation": 0.0}
FREE = (-1, Blueprint.NOOP, Style.SIGMOID_ADD, 0.0, 0.0)


def build_world(need="mixing", **changes):
    config = SurrogateConfig(needs=(need,), **{**QUIET, **changes})
    return config, draw_episode(config, np.random.default_rng(0))


def build_seeds(*slots):
    """Build one environment's seeds: (stage, blueprint, style, alpha, learned) per slot."""
    stage, blueprint, style, alpha, learned = zip(*slots, strict=True)
    integers = [np.array([values], dtype=np.int8) for values in (stage, blueprint, style)]
    return SeedState(*integers, np.array([alpha]), np.ones((1, len(slots))), np.array([learned]))


def living(blueprint, *, stage=SeedStage.BLENDING, style=Style.SIGMOID_ADD, alpha=1.0, learned=1.0):
    return (stage, blueprint, style, alpha, learned)


def measure_at(world, epoch, *slots):
    return measure(*world, np.array([epoch]), build_seeds(*slots))


def test_the_host_alone_follows_its_need():
    config, draws = build_world("capacity")
    need = NEEDS["capacity"]
    expected = 10 + (need.plateau - 10) * (1 - math.exp(-6 / need.descent_epochs))
    assert measure_at((config, draws), 6, FREE, FREE, FREE).control_accuracy == pytest.approx(
        expected
    )


def test_before_training_nothing_of_training_is_known_and_the_loss_is_that_of_chance():
    measured = measure_at(build_world(), 0, FREE, FREE, FREE)
    assert np.isnan(measured.train_accuracy[0])
    assert np.isnan(measured.train_loss[0])
    assert measured.control_loss[0] == pytest.approx(2.3)


def test_one_learned_seed_adds_its_worth_less_what_returns_diminish():
    config, draws = build_world()
    worth = NEEDS["mixing"].worth[Blueprint.BOTTLENECK] * NEEDS["mixing"].slot_weights[0]
    expected = config.most_points * (1 - math.exp(-worth / config.most_points))
    measured = measure_at((config, draws), 9, living(Blueprint.BOTTLENECK), FREE, FREE)
    alone = compute_host_accuracy(draws, np.array([9]))
    assert measured.control_accuracy - alone == pytest.approx(expected)
    assert measured.contribution[0, 0] == pytest.approx(expected)


def test_only_committed_seeds_count_in_the_committed_accuracy():
    world = build_world()
    kept = living(Blueprint.BOTTLENECK, stage=SeedStage.FOSSILIZED)
    both = measure_at(world, 9, kept, living(Blueprint.BOTTLENECK), FREE)
    alone = measure_at(world, 9, kept, FREE, FREE)
    assert both.committed_accuracy == pytest.approx(alone.control_accuracy)
    assert both.control_accuracy > both.committed_accuracy


def test_returns_diminish():
    world = build_world()
    one = measure_at(world, 9, living(Blueprint.BOTTLENECK), FREE, FREE).contribution[0, 0]
    seeds = [living(Blueprint.BOTTLENECK)] * 3
    assert measure_at(world, 9, *seeds).contribution[0, 0] < one


@pytest.mark.parametrize("alpha", [0.5, 0.7, 1.0])
def test_influence_beyond_the_best_one_helps_less(alpha):
    world = build_world("context")
    best = SEEDS[Blueprint.ATTENTION].best_alpha
    at_best = measure_at(world, 9, living(Blueprint.ATTENTION, alpha=best), FREE, FREE)
    here = measure_at(world, 9, living(Blueprint.ATTENTION, alpha=alpha), FREE, FREE)
    assert here.control_accuracy <= at_best.control_accuracy
    assert (here.control_accuracy == at_best.control_accuracy) == (alpha == best)


def test_an_untrained_seed_with_influence_does_harm_and_one_without_none():
    world = build_world()
    host = measure_at(world, 9, FREE, FREE, FREE).control_accuracy
    untrained = living(Blueprint.NORM, learned=0.0)
    silent = living(Blueprint.NORM, learned=0.0, stage=SeedStage.GERMINATED)
    assert measure_at(world, 9, untrained, FREE, FREE).control_accuracy < host
    assert measure_at(world, 9, silent, FREE, FREE).control_accuracy == host


def test_what_is_not_there_to_be_measured_is_unknown():
    measured = measure_at(build_world(), 9, living(Blueprint.NORM), FREE, FREE)
    assert np.isnan(measured.contribution[0]).tolist() == [False, True, True]
    assert np.isnan(measured.interaction).all()
    assert np.isnan(measured.boost).all()
    assert np.isnan(measured.shadow_gain).all()


def test_a_pair_that_helps_each_other_interacts_beyond_diminishing_returns():
    world = build_world("context", most_points=1e6)
    pair = measure_at(
        world, 9, living(Blueprint.NORM), living(Blueprint.ATTENTION, alpha=0.7), FREE
    )
    assert pair.interaction[0, 0] == pytest.approx(math.sqrt(0.7), rel=1e-4)
    assert pair.interaction[0, 0] == pair.interaction[0, 1] == pair.boost[0, 0]
    assert np.isnan(pair.interaction[0, 2])


def test_an_incubating_seed_shows_what_it_would_add_at_its_target():
    world = build_world()
    seed = living(Blueprint.BOTTLENECK, stage=SeedStage.TRAINING, alpha=0.0)
    shadow = measure_at(world, 9, seed, FREE, FREE)
    open_ = measure_at(world, 9, living(Blueprint.BOTTLENECK), FREE, FREE)
    assert shadow.shadow_gain[0, 0] == pytest.approx(open_.contribution[0, 0])
    assert np.isnan(shadow.contribution[0, 0])


def test_the_gap_and_the_losses_tell_needs_of_equal_accuracy_apart():
    context, mixing = (
        measure_at(build_world(n), 9, FREE, FREE, FREE) for n in ("context", "mixing")
    )
    assert context.control_accuracy == mixing.control_accuracy
    assert context.control_loss > 1.2 * mixing.control_loss
    restraint = measure_at(build_world("restraint"), 9, FREE, FREE, FREE)
    assert restraint.train_accuracy - restraint.control_accuracy > 5


def test_rent_grows_with_the_logarithm_of_the_parameters_and_gates_cost():
    config, _ = build_world()
    plain = build_seeds(living(Blueprint.CONV_HEAVY), FREE, FREE)
    gated = build_seeds(living(Blueprint.CONV_HEAVY, style=Style.GATED_GATE), FREE, FREE)
    counts = np.array([[True, False, False]])
    rent, added = compute_rent(config, counts, plain)
    assert rent == pytest.approx(config.rent_points * math.log(720 / 400))
    assert compute_rent(config, counts, gated)[1] - added == config.gate_parameters


def test_the_score_counts_committed_seeds_and_lets_them_learn_through_the_closing_epochs():
    config, draws = build_world(rent_points=0.0)
    host = compute_host_accuracy(draws, np.array([config.max_epochs]))
    assert compute_score(config, draws, build_seeds(living(Blueprint.NORM), FREE, FREE)) == host
    young = living(Blueprint.BOTTLENECK, stage=SeedStage.FOSSILIZED, learned=0.5)
    left = (1 - compute_learning_rates(np.array([Blueprint.BOTTLENECK]))[0]) ** 5
    ripe = living(Blueprint.BOTTLENECK, stage=SeedStage.FOSSILIZED, learned=1 - 0.5 * left)
    ended = measure_at((config, draws), config.max_epochs, ripe, FREE, FREE)
    score = compute_score(config, draws, build_seeds(young, FREE, FREE))
    assert score == pytest.approx(ended.control_accuracy)


def test_a_seed_that_others_lean_on_is_missed_beyond_what_it_adds():
    harmful = living(Blueprint.CONV_HEAVY)
    world = build_world("like-narrow-noisy")
    alone, grown = (measure_at(world, 9, seed, FREE, FREE) for seed in (FREE, harmful))
    added = grown.control_accuracy - alone.control_accuracy
    assert added[0] < 0 < grown.contribution[0, 0]
    assert grown.contribution[0, 0] == pytest.approx(added[0] + 20)


def test_who_leans_on_a_seed_that_is_not_committed_is_worse_off_in_the_end():
    config, draws = build_world("like-narrow", rent_points=0.0)
    host = compute_host_accuracy(draws, np.array([config.max_epochs]))
    half = living(Blueprint.NORM, alpha=0.5)
    assert compute_score(config, draws, build_seeds(FREE, FREE, FREE)) == host
    assert compute_score(config, draws, build_seeds(half, FREE, FREE)) == pytest.approx(host - 5)


def test_training_is_measured_behind_where_the_host_got_better_within_the_epoch():
    config, draws = build_world("like-single")
    early = measure_at((config, draws), 2, FREE, FREE, FREE)
    late = measure_at((config, draws), 29, FREE, FREE, FREE)
    behind = compute_host_accuracy(draws, np.array([1.2]))
    gap = draws.gap * -math.expm1(-2 / 8)
    assert early.train_accuracy == pytest.approx(behind + gap)
    assert early.train_accuracy < early.control_accuracy - draws.bias
    assert late.train_accuracy > late.control_accuracy - draws.bias


def test_a_seed_that_memorizes_hides_its_harm_by_what_training_shows():
    world = build_world("like-plain-noisy", max_epochs=60)
    seed = living(Blueprint.BOTTLENECK)
    alone, grown = (measure_at(world, 30, one, FREE, FREE) for one in (FREE, seed))
    harm = alone.control_accuracy - grown.control_accuracy
    assert harm == pytest.approx(2.5)  # of 5 in the end
    assert grown.train_accuracy - alone.train_accuracy == pytest.approx(2 * harm - harm)
    early = [measure_at(world, 6, one, FREE, FREE).control_accuracy for one in (FREE, seed)]
    assert early[0] - early[1] == pytest.approx(0.5)
    fossil = living(Blueprint.BOTTLENECK, stage=SeedStage.FOSSILIZED)
    scores = [compute_score(*world, build_seeds(one, FREE, FREE)) for one in (FREE, fossil)]
    rent = world[0].rent_points * math.log1p(SEEDS[Blueprint.BOTTLENECK].parameters / 400)
    assert scores[0] - scores[1] == pytest.approx(5.0 + rent)


def test_accuracies_are_judged_on_few_samples_and_losses_are_not():
    config = SurrogateConfig(needs=("like-single",), noise_points=1.0, variation=0.0)
    drawn = [draw_episode(config, np.random.default_rng(seed)) for seed in range(400)]
    courses = [measure_at((config, draws), 20, FREE, FREE, FREE) for draws in drawn]
    train = np.array([course.train_accuracy[0] for course in courses])
    control = np.array([course.control_accuracy[0] for course in courses])
    assert train.std() == pytest.approx(2.0, rel=0.15)
    assert control.std() == pytest.approx(math.hypot(2.0, 2.0), rel=0.15)
    losses = np.array([course.train_loss[0] for course in courses])
    assert losses.std() == pytest.approx(2.3 / 0.9 / 100 * 1.15, rel=0.15)

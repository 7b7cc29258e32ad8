"""The rules one by one, every threshold on both sides, and legality on any host."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
    find_refusal,
)
from tamiyo.controller import Heuristic, HeuristicConfig, SlotOrder
from tests.support.reports import (
    build_alpha_report,
    build_gain,
    build_host_report,
    build_signals,
    build_slot_report,
    host_reports,
    training_signals,
)

FREE = build_slot_report("r0c3")
GONE = {"mode": AlphaMode.DOWN, "target": 0.0, "alpha": 0.6}


def grown(slot_id, stage, *, gate_passed=False, **changes):
    """A slot whose seed is in this stage."""
    slot = build_slot_report(slot_id, stage, gate_passed=gate_passed)
    return replace(slot, seed=replace(slot.seed, **changes))


def decide(*slots, signals=None, budget=None, **config):
    """Ask a new controller once; without early seeds, unless a test is about them."""
    host = build_host_report(*slots, max_parameters=budget)
    return Heuristic(HeuristicConfig(**({"early_seeds": 0} | config))).decide(
        build_signals(**(signals or {})), host
    )


def choose_blueprint(controller, *slots):
    """What it plants next to these slots."""
    decision = controller.decide(build_signals(), build_host_report(*slots, FREE))
    assert decision.op == LifecycleOp.GERMINATE
    return decision.blueprint


# Legality


@given(st.lists(st.tuples(training_signals(), host_reports()), min_size=1, max_size=5), st.data())
def test_every_decision_is_legal_and_gives_its_reason(course, data):
    config = HeuristicConfig(
        style=data.draw(st.sampled_from(Style)),
        slot_order=data.draw(st.sampled_from(SlotOrder)),
        prune_speed=data.draw(st.sampled_from(AlphaSpeed)),
        max_concurrent=data.draw(st.integers(1, 3)),
    )
    controller = Heuristic(config)
    for signals, host in course:
        decision = controller.decide(signals, host)
        assert find_refusal(host, decision.to_command().to_action(host.slot_ids)) is None
        assert decision.reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_concurrent": 0}, "max_concurrent must be at least 1, got 0"),
        ({"spare_epochs": -1}, "spare_epochs must be at least 0, got -1"),
        ({"prune_penalty": -2.0}, "prune_penalty must be at least 0, got -2.0"),
        ({"standing_decay": 1.5}, r"standing_decay must be in \[0, 1\], got 1.5"),
        ({"blueprints": ()}, "blueprints must be .* got none"),
        ({"blueprints": (Blueprint.NOOP,)}, "blueprints must be .* got NOOP"),
        ({"blueprints": (Blueprint.MLP, Blueprint.MLP)}, "blueprints must be .* got MLP, MLP"),
    ],
)
def test_a_config_outside_its_range_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        HeuristicConfig(**change)


# Planting


def test_it_plants_in_a_stabilized_host_on_a_plateau():
    decision = decide(build_slot_report())
    assert (decision.op, decision.slot_id) == (LifecycleOp.GERMINATE, "r0c0")
    assert "no progress for 5 epochs, 30 left" in decision.reason


def test_it_plants_with_style_tempo_and_target_of_its_config():
    decision = decide(style=Style.GATED_GATE, tempo=Tempo.FAST, alpha_target=AlphaTarget.SEVENTY)
    chosen = (decision.style, decision.tempo, decision.alpha_target)
    assert chosen == (Style.GATED_GATE, Tempo.FAST, AlphaTarget.SEVENTY)


@pytest.mark.parametrize(
    ("config", "signals", "obstacle"),
    [
        ({}, {"is_stabilized": False}, "the host is not stabilized yet"),
        ({}, {"plateau_epochs": 2}, "no progress for 2 of 3 epochs"),
        ({"plateau_epochs_to_germinate": 6}, {}, "no progress for 5 of 6 epochs"),
        ({}, {"epoch": 4}, "4 of 5 epochs before the first seed"),
        ({"min_epochs_before_germinate": 10}, {}, "9 of 10 epochs before the first seed"),
        ({}, {"epochs_left": 10}, "10 decisions left, 11 needed"),
        ({"spare_epochs": 22}, {}, "30 decisions left, 31 needed"),
        ({"tempo": Tempo.SLOW}, {"epochs_left": 13}, "13 decisions left, 14 needed"),
    ],
)
def test_it_says_with_numbers_why_it_does_not_plant(config, signals, obstacle):
    decision = decide(signals=signals, **config)
    assert (decision.op, decision.reason) == (LifecycleOp.WAIT, obstacle)


@pytest.mark.parametrize(
    ("config", "signals"),
    [
        ({}, {"plateau_epochs": 3}),
        ({"plateau_epochs_to_germinate": 5}, {}),
        ({}, {"epoch": 5}),
        ({"min_epochs_before_germinate": 9}, {}),
        ({}, {"epochs_left": 11}),
        ({"spare_epochs": 21}, {}),
        ({"tempo": Tempo.FAST}, {"epochs_left": 9}),
    ],
)
def test_it_plants_at_the_boundary_of_each_threshold(config, signals):
    assert decide(signals=signals, **config).op == LifecycleOp.GERMINATE


@pytest.mark.parametrize(("tempo", "epochs"), [(Tempo.FAST, 7), (Tempo.SLOW, 12)])
def test_a_seed_needs_its_ramp_and_four_more_decisions(tempo, epochs):
    assert HeuristicConfig(tempo=tempo).epochs_to_commitment == epochs


@pytest.mark.parametrize(("early", "op"), [(1, LifecycleOp.WAIT), (2, LifecycleOp.GERMINATE)])
def test_early_seeds_do_not_wait_for_a_plateau(early, op):
    controller = Heuristic(HeuristicConfig(early_seeds=early))
    moving = build_signals(plateau_epochs=0)
    first = controller.decide(moving, build_host_report(FREE))
    assert first.op == LifecycleOp.GERMINATE
    assert controller.decide(moving, build_host_report(FREE)).op == op


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.BLENDING, SeedStage.HOLDING])
def test_it_plants_while_another_seed_is_under_way(stage):
    assert decide(grown("r0c0", stage), FREE).op == LifecycleOp.GERMINATE


@pytest.mark.parametrize(("most", "op"), [(2, LifecycleOp.WAIT), (3, LifecycleOp.GERMINATE)])
def test_it_keeps_at_most_so_many_seeds_under_way(most, op):
    slots = [grown(f"r0c{i}", SeedStage.HOLDING) for i in range(2)]
    assert decide(*slots, FREE, max_concurrent=most).op == op


def test_a_committed_seed_is_not_under_way():
    committed = build_slot_report("r0c0", SeedStage.FOSSILIZED)
    assert decide(committed, FREE, max_concurrent=1).op == LifecycleOp.GERMINATE


@pytest.mark.parametrize("stage", [SeedStage.BLENDING, SeedStage.HOLDING])
def test_a_seed_on_its_way_out_still_counts_and_is_left_alone(stage):
    leaving = grown("r0c0", stage, gate_passed=True, alpha=build_alpha_report(**GONE))
    decision = decide(leaving, FREE, max_concurrent=1)
    assert (decision.op, decision.reason) == (LifecycleOp.WAIT, "1 of at most 1 seeds under way")


def test_it_waits_where_no_slot_is_free():
    decision = decide(build_slot_report("r0c0", SeedStage.EMBARGOED))
    assert decision.op == LifecycleOp.WAIT
    assert "no preferred blueprint can be built" in decision.reason


def test_a_seed_on_its_way_out_does_not_develop():
    leaving = grown("r0c0", SeedStage.BLENDING, alpha=build_alpha_report(**GONE))
    assert decide(leaving, FREE).op == LifecycleOp.GERMINATE


# Which slot


@pytest.mark.parametrize(
    ("order", "slot_id"),
    [(SlotOrder.MOST_BUILDABLE, "r0c1"), (SlotOrder.FIRST, "r0c0"), (SlotOrder.LAST, "r0c2")],
)
def test_the_slot_order_is_configurable(order, slot_id):
    narrow = {Blueprint.NORM: 10}
    slots = [
        build_slot_report("r0c0", blueprint_parameters=narrow),
        build_slot_report("r0c1"),
        build_slot_report("r0c2", blueprint_parameters=narrow),
    ]
    assert decide(*slots, slot_order=order).slot_id == slot_id


def test_equal_slots_are_used_in_their_order_and_cooling_ones_skipped():
    cooling = build_slot_report("r0c0", SeedStage.EMBARGOED)
    slots = [cooling, build_slot_report("r0c1"), build_slot_report("r0c2")]
    assert decide(*slots).slot_id == "r0c1"


# Which blueprint


@pytest.mark.parametrize("first", [Blueprint.NORM, Blueprint.ATTENTION])
def test_the_first_blueprint_of_the_config_is_preferred(first):
    assert decide(blueprints=(first, Blueprint.CONV_LIGHT)).blueprint == first


def test_a_blueprint_over_the_budget_gives_way_to_the_next():
    assert decide(budget=1599).blueprint == Blueprint.CONV_LIGHT


def test_a_blueprint_that_fits_no_slot_gives_way_to_the_next():
    assert decide(blueprints=(Blueprint.MLP, Blueprint.NORM)).blueprint == Blueprint.NORM


def lose_seed(controller, blueprint=Blueprint.CONV_HEAVY):
    """Show it a seed, then an empty slot."""
    seed = grown("r0c0", SeedStage.TRAINING, blueprint=blueprint)
    controller.decide(build_signals(), build_host_report(seed, FREE))


@pytest.mark.parametrize(
    ("penalty", "blueprint"), [(0.5, Blueprint.CONV_HEAVY), (1.5, Blueprint.CONV_LIGHT)]
)
def test_a_lost_seed_lowers_its_blueprint_by_the_penalty(penalty, blueprint):
    controller = Heuristic(HeuristicConfig(prune_penalty=penalty))
    lose_seed(controller)
    assert choose_blueprint(controller) == blueprint


def test_a_penalty_outlasts_any_number_of_epochs_without_a_germination():
    controller = Heuristic(HeuristicConfig(early_seeds=0))
    lose_seed(controller)
    for _ in range(50):
        controller.decide(build_signals(plateau_epochs=0), build_host_report(FREE))
    assert choose_blueprint(controller) == Blueprint.CONV_LIGHT


@pytest.mark.parametrize(
    ("decay", "blueprint"), [(0.25, Blueprint.CONV_HEAVY), (1.0, Blueprint.CONV_LIGHT)]
)
def test_a_penalty_fades_with_every_germination(decay, blueprint):
    controller = Heuristic(HeuristicConfig(standing_decay=decay))
    lose_seed(controller)
    choose_blueprint(controller)
    assert choose_blueprint(controller) == blueprint


def test_a_seed_on_its_way_out_is_penalized_once():
    controller = Heuristic(HeuristicConfig(prune_penalty=0.75))
    lose_seed(controller)
    for _ in range(3):
        leaving = grown(
            "r0c0",
            SeedStage.BLENDING,
            blueprint=Blueprint.CONV_HEAVY,
            alpha=build_alpha_report(**GONE),
        )
        controller.decide(build_signals(), build_host_report(leaving, FREE))
    assert choose_blueprint(controller) == Blueprint.CONV_HEAVY


def commit_seed(controller, points):
    """Show it a seed of 100 parameters that holds, then the same seed committed."""
    gain = None if points is None else build_gain(points)
    held = grown("r0c0", SeedStage.HOLDING, blueprint=Blueprint.DEPTHWISE, contribution=gain)
    held = replace(held, seed=replace(held.seed, parameters=100))
    controller.decide(build_signals(plateau_epochs=0), build_host_report(held, FREE))
    return replace(held, stage=SeedStage.FOSSILIZED)


@pytest.mark.parametrize(
    ("bonus", "blueprint"), [(2.5, Blueprint.CONV_HEAVY), (3.5, Blueprint.DEPTHWISE)]
)
def test_a_good_commitment_raises_its_blueprint_by_the_bonus(bonus, blueprint):
    controller = Heuristic(HeuristicConfig(fossilize_bonus=bonus))
    committed = commit_seed(controller, 5.0)
    assert choose_blueprint(controller, committed) == blueprint


@pytest.mark.parametrize(
    ("points", "threshold", "blueprint"),
    [
        (5.0, 0.5, Blueprint.DEPTHWISE),
        (4.9, 0.5, Blueprint.CONV_HEAVY),
        (4.9, 0.4, Blueprint.DEPTHWISE),
        (0.0, 0.0, Blueprint.CONV_HEAVY),
        (None, 0.0, Blueprint.CONV_HEAVY),
    ],
)
def test_a_commitment_is_good_by_its_points_per_percent_of_growth(points, threshold, blueprint):
    config = HeuristicConfig(fossilize_bonus=9.0, good_points_per_percent=threshold)
    controller = Heuristic(config)
    committed = commit_seed(controller, points)
    assert choose_blueprint(controller, committed) == blueprint


# Tending


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING])
def test_a_seed_advances_as_soon_as_its_gate_passes(stage):
    decision = decide(grown("r0c0", stage, gate_passed=True))
    assert (decision.op, decision.slot_id) == (LifecycleOp.ADVANCE, "r0c0")
    assert "after 1 epochs" in decision.reason


def test_a_seed_is_committed_as_soon_as_its_gate_passes():
    gain = build_gain(2.5, points_error=0.4)
    held = grown("r0c0", SeedStage.HOLDING, gate_passed=True, contribution=gain)
    decision = decide(held)
    assert decision.op == LifecycleOp.FOSSILIZE
    assert "2.50 points, standard error 0.40" in decision.reason


def test_the_largest_contribution_is_committed_first():
    slots = [
        grown(f"r0c{i}", SeedStage.HOLDING, gate_passed=True, contribution=gain)
        for i, gain in enumerate([None, build_gain(2.0), build_gain(3.0)])
    ]
    assert decide(*slots).slot_id == "r0c2"


def test_commitment_goes_before_everything_else_in_the_last_epoch():
    slots = [
        grown("r0c0", SeedStage.BLENDING, contribution=build_gain(-9.0)),
        grown("r0c1", SeedStage.GERMINATED, gate_passed=True),
        grown("r0c2", SeedStage.HOLDING, gate_passed=True),
    ]
    assert decide(*slots, signals={"epochs_left": 1}).op == LifecycleOp.FOSSILIZE


@pytest.mark.parametrize(("error", "op"), [(0.5, LifecycleOp.WAIT), (0.49, LifecycleOp.PRUNE)])
def test_a_holding_seed_that_does_harm_beyond_doubt_is_pruned(error, op):
    gain = build_gain(-1.0, points_error=error)
    decision = decide(grown("r0c0", SeedStage.HOLDING, contribution=gain))
    assert decision.op == op
    assert op == LifecycleOp.WAIT or "-1.00 points, standard error 0.49" in decision.reason


def test_harm_of_an_unknown_error_is_never_certain():
    gain = build_gain(-9.0, points_error=None)
    held = grown("r0c0", SeedStage.HOLDING, contribution=gain)
    assert decide(held, harm_errors=0.0).op == LifecycleOp.WAIT


def test_a_reason_says_that_an_error_is_not_known():
    gain = build_gain(2.5, points_error=None)
    held = grown("r0c0", SeedStage.HOLDING, gate_passed=True, contribution=gain)
    assert "2.50 points, standard error unknown" in decide(held).reason


@pytest.mark.parametrize(("errors", "op"), [(3.0, LifecycleOp.WAIT), (0.5, LifecycleOp.PRUNE)])
def test_how_much_doubt_is_left_is_configured(errors, op):
    gain = build_gain(-1.0, points_error=0.5)
    assert decide(grown("r0c0", SeedStage.HOLDING, contribution=gain), harm_errors=errors).op == op


def test_a_seed_is_not_judged_before_it_holds():
    seed = grown("r0c0", SeedStage.BLENDING, contribution=build_gain(-9.0))
    assert decide(seed).op == LifecycleOp.WAIT


@pytest.mark.parametrize(("limit", "op"), [(6, LifecycleOp.WAIT), (5, LifecycleOp.PRUNE)])
@pytest.mark.parametrize("gain", [None, build_gain(loss=0.0), build_gain(loss=-0.1)])
def test_a_seed_that_incubates_without_a_gain_is_pruned(gain, limit, op):
    seed = grown("r0c0", SeedStage.TRAINING, epochs_in_stage=6, shadow_gain=gain)
    assert decide(seed, prune_after_epochs_without_improvement=limit).op == op


@pytest.mark.parametrize(("limit", "op"), [(20, LifecycleOp.WAIT), (19, LifecycleOp.PRUNE)])
@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING])
def test_a_seed_that_stays_too_long_in_a_stage_is_pruned(stage, limit, op):
    gain = build_gain(loss=0.1)
    seed = grown("r0c0", stage, epochs_in_stage=20, age_epochs=30, shadow_gain=gain)
    assert decide(seed, max_stage_epochs=limit).op == op


@pytest.mark.parametrize(("limit", "op"), [(9, LifecycleOp.WAIT), (8, LifecycleOp.PRUNE)])
def test_a_seed_that_holds_too_long_is_pruned(limit, op):
    seed = grown("r0c0", SeedStage.HOLDING, epochs_in_stage=9, contribution=build_gain(0.5))
    assert decide(seed, max_holding_epochs=limit).op == op


def test_a_late_gate_comes_before_the_end_of_patience():
    seed = grown("r0c0", SeedStage.TRAINING, gate_passed=True, epochs_in_stage=99)
    assert decide(seed).op == LifecycleOp.ADVANCE


def test_a_seed_too_young_to_be_pruned_is_kept():
    seed = grown("r0c0", SeedStage.BLENDING, age_epochs=1, contribution=build_gain(-9.0))
    assert decide(seed).op == LifecycleOp.WAIT


@pytest.mark.parametrize("speed", [AlphaSpeed.INSTANT, AlphaSpeed.SLOW])
def test_a_seed_with_influence_leaves_at_the_configured_speed(speed):
    seed = grown("r0c0", SeedStage.HOLDING, contribution=build_gain(-9.0))
    assert decide(seed, prune_speed=speed).alpha_speed == speed


def test_a_seed_without_influence_leaves_at_once():
    seed = grown("r0c0", SeedStage.TRAINING, epochs_in_stage=9)
    assert decide(seed, prune_speed=AlphaSpeed.SLOW).alpha_speed == AlphaSpeed.INSTANT

"""Checks of what is shown: green on real observations, red on doctored ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tamiyo.checks.rules.seeing import (
    check_blueprints,
    check_normalizer,
    check_observation,
    check_saturation,
    check_stages,
    count_fields,
)
from tests.support.evidence import change_round, look, observe_hosts, observe_learner

CHECKS = [check_observation, check_stages, check_blueprints, check_saturation]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("observe", [observe_hosts, observe_learner])
def test_what_was_really_shown_holds(check, observe):
    assert look(check, observe())[0]


def test_the_normalizer_of_a_real_rehearsal_holds():
    assert look(check_normalizer, observe_learner())[0]


def test_an_observation_has_the_documented_size():
    assert (count_fields(3), count_fields(3, telemetry=True)) == (140, 218)


def show(evidence, change):
    shown = evidence.play.observations.copy()
    change(shown)
    return replace(evidence, play=replace(evidence.play, observations=shown))


# The documented indices: epoch, losses, accuracies, parameters, alpha of the first slot.
@pytest.mark.parametrize("index", [0, 2, 3, 5, 6, 21, 23 + 11])
def test_a_quantity_at_another_index_is_found(index):
    def spoil(shown):
        shown[3, :, index] = np.clip(shown[3, :, index] - 0.05, -1, 0.9)

    holds, told = look(check_observation, show(observe_hosts(), spoil))
    assert not holds
    assert f"index {index} shows" in told


def test_a_number_outside_its_range_is_found_by_name():
    def spoil(shown):
        shown[0, 0, 22] = 1.5

    assert (
        "seed_utilization is outside its range"
        in look(check_observation, show(observe_hosts(), spoil))[1]
    )


def test_a_field_too_many_is_found():
    evidence = observe_hosts()
    wider = np.concatenate([evidence.play.observations] * 2, axis=-1)[..., :-1]
    doctored = replace(evidence, play=replace(evidence.play, observations=wider))
    with pytest.raises(ValueError, match="broadcast"):
        look(check_observation, doctored)


def test_a_stage_shown_as_none_or_two_is_found():
    def spoil(shown):
        shown[0, 0, 24:34] = 0

    holds, told = look(check_stages, show(observe_hosts(), spoil))
    assert not holds
    assert "1 of them not as exactly one" in told


def test_a_blueprint_at_another_index_is_found():
    def spoil(shown):
        shown[..., 23 + 26 : 23 + 39] = np.roll(shown[..., 23 + 26 : 23 + 39], 1, axis=-1)

    assert not look(check_blueprints, show(observe_hosts(), spoil))[0]


def test_rows_of_another_scale_are_found():
    doctored = change_round(observe_learner(), observations=lambda seen: seen + 0.5)
    holds, told = look(check_normalizer, doctored)
    assert not holds
    assert "round 2: 42 of 42 rows of the buffer are not what was shown" in told


def test_a_scale_that_stood_still_is_found():
    evidence = observe_learner()
    stale = replace(evidence.rehearsal, after=evidence.rehearsal.rounds[0].policy)
    holds, told = look(check_normalizer, replace(evidence, rehearsal=stale))
    assert not holds
    assert "2 rounds of 84 decisions added 0 observations" in told


def test_more_than_a_hundredth_cut_is_found():
    evidence = observe_learner()
    first, *rest = evidence.updates
    rollout = replace(first.rollout, saturated={"loss_delta": 0.5})
    doctored = replace(evidence, updates=(replace(first, rollout=rollout), *rest))
    holds, told = look(check_saturation, doctored)
    assert not holds
    assert told == "most was cut of loss_delta, 25.00% over 2 updates"


def test_a_cut_that_nobody_counted_is_found():
    doctored = change_round(observe_learner(), observations=lambda seen: torch.full_like(seen, 10))
    *earlier, last = doctored.rehearsal.rounds
    report = replace(last.report, rollout=replace(last.report.rollout, saturated={}))
    rounds = (*earlier, replace(last, report=report))
    doctored = replace(doctored, rehearsal=replace(doctored.rehearsal, rounds=rounds))
    holds, told = look(check_saturation, doctored)
    assert not holds
    assert "and was told of 0 fields" in told

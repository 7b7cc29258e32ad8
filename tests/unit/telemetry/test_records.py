from __future__ import annotations

import pytest

from tamiyo.contracts import SeedStage, encode_event
from tamiyo.telemetry import summarize_run
from tests.support.events import build_run


@pytest.fixture(scope="module")
def finished():
    return summarize_run(encode_event(event) for event in build_run())


@pytest.fixture(scope="module")
def running():
    return summarize_run(encode_event(event) for event in build_run(epochs=50, is_finished=False))


def test_a_summary_names_its_first_best_and_last_epoch(finished):
    assert (finished.initial.epoch, finished.best.epoch, finished.final.epoch) == (0, 52, 60)
    assert finished.best.control_accuracy == max(p.control_accuracy for p in finished.course)


def test_a_finished_run_has_the_parameters_of_the_committed_network(finished):
    assert finished.parameters == 8_234 + 320 + 176
    assert finished.multiply_adds == 60 * 1_240_000_000


def test_a_running_run_has_the_parameters_of_the_last_epoch(running):
    assert running.parameters == 8_234 + 320 + 176 + 412
    assert running.multiply_adds == 50 * 1_240_000_000


def test_only_the_stages_after_a_prune_are_a_cooldown(finished):
    stages = {span.stage for span in finished.spans if span.is_cooldown}
    assert stages == {SeedStage.PRUNED, SeedStage.EMBARGOED, SeedStage.RESETTING}

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tamiyo.contracts import (
    GateCheck,
    GateEvaluated,
    GateLevel,
    GateVerdict,
    Initiator,
    SeedPruned,
    TamiyoInitiated,
)
from tamiyo.ui.explaining.happenings import describe_happening
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.events import build_one_of_each

SIGNS = choose_symbols(Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii")))
EVENTS = {type(event).__name__: event for event in build_one_of_each()}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("SeedGerminated", "r0c1-1-conv_light planted, 320 parameters"),
        ("StageChanged", "r0c1: free > GERMINATED, alpha 0.00"),
        (
            "GateEvaluated",
            "r0c1-1-conv_light: gate G2 shut (shadow gain unknown, must be 0)",
        ),
        (
            "SeedFossilized",
            "r0c1-1-conv_light became part of the host, contribution +4.8 +- 0.7 points "
            "(contribution above the gate)",
        ),
        (
            "SeedPruned",
            "r0c0-1-norm removed by the controller, contribution -0.6 +- 0.7 points "
            "(contribution below zero for 3 epochs)",
        ),
        (
            "GovernorRolledBack",
            "training diverged (loss is not finite): back to the state after epoch 28",
        ),
    ],
)
def test_what_happened_is_one_plain_sentence(name, sentence):
    assert describe_happening(EVENTS[name], SIGNS) == sentence


def test_an_open_gate_tells_its_numbers():
    check = GateCheck(name="alpha_at_target", measured=1.0, required=1.0, passed=True)
    for checks, end in (((check,), " (alpha at target 1 of 1)"), ((), "")):
        verdict = GateVerdict(gate=GateLevel.G3, checks=checks)
        event = GateEvaluated(environment=0, epoch=1, slot_id="r0c0", seed_id="s", verdict=verdict)
        assert describe_happening(event, SIGNS) == f"s: gate G3 opened{end}"


def test_what_was_never_measured_is_unknown():
    event = SeedPruned(
        environment=0,
        epoch=4,
        slot_id="r0c0",
        seed_id="s",
        parameters=3,
        age_epochs=1,
        contribution=None,
        initiator=Initiator.CLOSING,
        reason="",
    )
    assert describe_happening(event, SIGNS) == (
        "s removed by the closing of the run, contribution unknown"
    )


def test_any_other_event_is_told_by_its_name():
    assert describe_happening(TamiyoInitiated(environment=0, epoch=1), SIGNS) == "TamiyoInitiated"

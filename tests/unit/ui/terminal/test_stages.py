from __future__ import annotations

import pytest

from tamiyo.contracts import EpochCompleted
from tamiyo.ui.terminal.stages import CELL_LETTERS, describe_slot
from tests.support.events import build_run

HOSTS = {e.measured.epoch: e.host for e in build_run() if isinstance(e, EpochCompleted)}


@pytest.mark.parametrize(
    ("epoch", "full", "short", "letter"),
    [
        (7, "r0c1 -", "r0c1 -", "r0c1 -"),
        (8, "r0c1 conv_light GERM", "r0c1 GERM", "r0c1 G"),
        (9, "r0c1 conv_light TRAIN", "r0c1 TRAIN", "r0c1 T"),
        (14, "r0c1 conv_light BLEND 0.40", "r0c1 BLEND 0.40", "r0c1 B.40"),
        (18, "r0c1 conv_light HOLD 1.00", "r0c1 HOLD 1.00", "r0c1 H1.0"),
        (22, "r0c1 conv_light FOSSIL 1.00", "r0c1 FOSSIL 1.00", "r0c1 F1.0"),
    ],
)
def test_a_slot_is_written_in_three_lengths(epoch, full, short, letter):
    cell = describe_slot(HOSTS[epoch].slot("r0c1"))
    assert (cell.full, cell.short, cell.letter) == (full, short, letter)


@pytest.mark.parametrize("epoch", [20, 21, 24])
def test_a_closed_slot_says_for_how_many_epochs_it_stays_closed(epoch):
    cell = describe_slot(HOSTS[epoch].slot("r0c0"))
    assert (cell.full, cell.letter) == (f"r0c0 CLOSED {25 - epoch}", f"r0c0 x{25 - epoch}")


def test_every_letter_is_explained():
    epochs = {"G": 8, "T": 9, "B": 14, "H": 18, "F": 22}
    for letter, epoch in epochs.items():
        assert describe_slot(HOSTS[epoch].slot("r0c1")).letter[5] == letter
        assert f"{letter} " in CELL_LETTERS

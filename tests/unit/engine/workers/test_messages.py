from __future__ import annotations

import numpy as np

from tamiyo.engine.workers.messages import Step
from tests.support.tasks import WAIT

ROWS = np.arange(16).reshape(2, 8)


def test_a_step_whose_choices_lie_in_shared_memory_is_kept_with_a_copy_of_them():
    rows = ROWS.copy()
    kept = Step(commands=None, wants_results=False).keep(rows)
    rows[:] = -1
    assert np.array_equal(kept.commands, ROWS)
    assert not kept.wants_results


def test_a_step_with_commands_is_kept_as_it_is():
    step = Step(commands=(WAIT, None), wants_results=True)
    assert step.keep(ROWS) is step

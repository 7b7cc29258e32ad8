"""Worth of the shared prefix: a validation with 3 live seeds against separate passes.

Both give the same eight variants of the network on the control split of digits-canvas: as it is,
each seed off, each pair off, all off. The separate passes share nothing. The ratio is shared time
over separate time: 0.667 is 1.5 times faster.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch
from support.setting import DATA, SEEDED_SLOTS, TASK, build_attached, list_growth_commands, wake
from support.timing import Comparison, compare, run
from torch.nn import functional as F

from tamiyo.engine import evaluate_variants, validate

if TYPE_CHECKING:
    from tamiyo.model import TamiyoModel

_OFF_SETS = [off for size in range(4) for off in combinations(SEEDED_SLOTS, size)]
_SPEEDUP = 1.5


def main() -> None:
    """Measure and print."""
    run(__doc__ or "", measure, repetitions=15)


def measure(repetitions: int) -> list[Comparison]:
    """Compare the two ways.

    Raises:
        RuntimeError: If the seeds cannot be planted.
    """
    model = build_attached()
    for command in list_growth_commands():
        if not model.apply_command(command).executed:
            message = f"the benchmark's commands must be legal, got {command}"
            raise RuntimeError(message)
    wake(model)
    check_equal(model)
    return [
        compare(
            "8 variants, shared against separate passes",
            lambda: validate(model, DATA.control, DATA.objective, TASK.config.metric),
            lambda: run_separately(model),
            repetitions=repetitions,
            at_most=1 / _SPEEDUP,
        )
    ]


def run_separately(model: TamiyoModel) -> list[float]:
    """Run one whole pass per variant, 512 samples at a time as the engine does."""
    control = DATA.control
    model.eval()
    losses = []
    with torch.no_grad():
        for off in _OFF_SETS:
            kept = {slot_id: model.slots[slot_id].seed for slot_id in off}
            for slot_id in off:
                model.slots[slot_id].seed = None
            outputs = torch.cat([model(chunk) for chunk in control.inputs.split(512)])
            losses.append(float(F.cross_entropy(outputs, control.targets)))
            for slot_id, seed in kept.items():
                model.slots[slot_id].seed = seed
    model.train()
    return losses


def check_equal(model: TamiyoModel) -> None:
    """Refuse to time two things that give different numbers."""
    variants = [dict.fromkeys(off, ()) for off in _OFF_SETS]
    results = evaluate_variants(model, DATA.control, DATA.objective, TASK.config.metric, variants)
    shared = [result.loss for result in results]
    torch.testing.assert_close(shared, run_separately(model), rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()

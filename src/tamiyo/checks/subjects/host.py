"""Evidence on a host of the user's own: it is grown at random on its example batch."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.checks.evidence import Evidence, Rules, build_course, run_cycles
from tamiyo.checks.subjects.failing import LIVING, Failures
from tamiyo.checks.subjects.task import CYCLES, EAGER
from tamiyo.contracts import ConfigError, encode_event
from tamiyo.engine import EngineConfig
from tamiyo.model import call_host, preserving_buffers, propose_slots
from tamiyo.recipes import GrowSettings, grow
from tamiyo.telemetry import MemorySink, read_courses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tamiyo.checks.evidence import Cycles, HostCourse

__all__ = ["observe_host"]

_EPOCHS: Final = 30
_CLOSING: Final = 5
_BATCHES: Final = 3
_RUNS: Final = 2
_LEARNING_RATE: Final = 1e-3


def observe_host(
    host: nn.Module,
    example: object,
    *,
    name: str,
    seed: int,
    on_progress: Callable[[str], None],
) -> Evidence:
    """Gather evidence on a host.

    Args:
        host: The host; copies of it are trained.
        example: A batch of inputs.
        name: What to call it.
        seed: Seed of everything random.
        on_progress: Told what is being done.

    Raises:
        ConfigError: If the host cannot be grown.
    """
    slots = propose_slots(host, example)
    batches = _build_batches(host, example, seed)
    failures = Failures()
    courses: list[HostCourse] = []
    on_progress(f"growing {name} at random, {_RUNS} times {_EPOCHS} epochs")
    for run in range(_RUNS):
        with failures.noting("growing", LIVING):
            courses += _grow(deepcopy(host), batches, slots, seed + run)
    on_progress(f"letting {CYCLES} seeds come and go")
    cycles: Cycles | None = None
    with failures.noting("a host whose seeds come and go", ("8.1", "8.2")):
        cycles = run_cycles(deepcopy(host), slots, example, count=CYCLES, seed=seed)
    return Evidence(
        rules=Rules(lifecycle=EAGER),
        courses=tuple(courses),
        cycles=cycles,
        failures=tuple(failures.noted),
        lacking="nothing to check it on: growing one host neither learns nor is paid",
    )


def _grow(
    host: nn.Module,
    batches: list[tuple[object, Tensor]],
    slots: Mapping[str, str],
    seed: int,
) -> list[HostCourse]:
    sink = MemorySink()
    grow(
        host,
        train=batches,
        control=batches[:1],
        epochs=_EPOCHS,
        optimizer=partial(torch.optim.SGD, lr=_LEARNING_RATE),
        slots=slots,
        loss=F.mse_loss,
        controller="random-legal",
        seed=seed,
        settings=GrowSettings(closing_epochs=_CLOSING, engine=EngineConfig(lifecycle=EAGER)),
        progress=False,
        sink=sink,
    )
    found, _ = read_courses([encode_event(event) for event in sink.events], most=2)
    return [build_course(course) for course in found]


def _build_batches(host: nn.Module, example: object, seed: int) -> list[tuple[object, Tensor]]:
    """Pair the example with outputs that are drawn, so that there is something to learn.

    Raises:
        ConfigError: If the host does not put out one tensor of floating numbers.
    """
    with torch.no_grad(), preserving_buffers(host):
        outputs = call_host(host, example)
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        got = outputs.dtype if isinstance(outputs, Tensor) else type(outputs).__name__
        message = f"outputs of the host must be a tensor of floating numbers, got {got}"
        raise ConfigError(message)
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(outputs.shape, generator=generator).to(outputs)
    return [(example, target)] * _BATCHES

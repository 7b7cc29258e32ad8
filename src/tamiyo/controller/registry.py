"""The controllers by name, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tamiyo.contracts import ScheduleError, UnknownNameError
from tamiyo.controller.heuristic import Heuristic, HeuristicConfig
from tamiyo.controller.protocol import Controller
from tamiyo.controller.random_legal import RandomLegal
from tamiyo.controller.schedule import ScheduleController
from tamiyo.controller.schedule_file import load_schedule
from tamiyo.controller.wait import WaitOnly

__all__ = ["CONTROLLERS", "ControllerConfig", "build_controller"]


@dataclass(frozen=True, kw_only=True)
class ControllerConfig:
    """Settings of every controller; each reads its own.

    Attributes:
        heuristic: Thresholds of the rule-based controller.
        random_wait_probability: Share of epochs in which the random controller waits, in [0, 1];
            ``None`` treats WAIT as one of the legal ops.
    """

    heuristic: HeuristicConfig = field(default_factory=HeuristicConfig)
    random_wait_probability: float | None = None


_Builder = Callable[[ControllerConfig, int], Controller]

_SCHEDULE_PREFIX: Final = "schedule:"

_BUILDERS: Final[Mapping[str, _Builder]] = MappingProxyType(
    {
        "heuristic": lambda config, _seed: Heuristic(config.heuristic),
        "random-legal": lambda config, seed: RandomLegal(
            seed, wait_probability=config.random_wait_probability
        ),
        "wait-only": lambda _config, _seed: WaitOnly(),
    }
)

CONTROLLERS: Final = (*_BUILDERS, f"{_SCHEDULE_PREFIX}PATH")
"""Names that ``build_controller`` knows; the last one stands for a schedule read from a file."""


def build_controller(name: str, config: ControllerConfig, seed: int) -> Controller:
    """Build a controller for one run or episode of one host.

    Args:
        name: One of ``CONTROLLERS``, with a path after ``schedule:``.
        config: Settings of every controller.
        seed: Seed of its random choices, any integer.

    Returns:
        A controller that has decided nothing yet.

    Raises:
        UnknownNameError: If there is no controller of that name.
        ScheduleError: If the schedule has no path, cannot be read or breaks a rule.
    """
    if name.startswith(_SCHEDULE_PREFIX):
        path = name.removeprefix(_SCHEDULE_PREFIX)
        if not path:
            message = f"controller must name a file after {_SCHEDULE_PREFIX}, got {name!r}"
            raise ScheduleError(message)
        return ScheduleController(load_schedule(path), name=name)
    builder = _BUILDERS.get(name)
    if builder is None:
        raise UnknownNameError("controller", name, list(CONTROLLERS))
    return builder(config, seed)

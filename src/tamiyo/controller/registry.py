"""The controllers by name, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tamiyo.contracts import ConfigError, ScheduleError, UnknownNameError
from tamiyo.controller.heuristic import Heuristic, HeuristicConfig
from tamiyo.controller.protocol import Controller
from tamiyo.controller.random_legal import RandomLegal
from tamiyo.controller.schedule import ScheduleController
from tamiyo.controller.schedule_file import load_schedule
from tamiyo.controller.wait import WaitOnly

__all__ = [
    "CONTROLLERS",
    "SCHEDULE_PREFIX",
    "WAIT_ONLY",
    "ControllerConfig",
    "build_controller",
]


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

    def __post_init__(self) -> None:
        """Refuse a share outside its range.

        Raises:
            ConfigError: If it is.
        """
        share = self.random_wait_probability
        if share is not None and not 0 <= share <= 1:
            message = f"random_wait_probability must be in [0, 1], got {share}"
            raise ConfigError(message)


_Builder = Callable[[ControllerConfig, int], Controller]

SCHEDULE_PREFIX: Final = "schedule:"
"""What stands before the path in the name of a controller that follows a file."""

WAIT_ONLY: Final = "wait-only"
"""Name of the controller that never grows anything: the twin every run is compared with."""

_BUILDERS: Final[Mapping[str, _Builder]] = MappingProxyType(
    {
        "heuristic": lambda config, _seed: Heuristic(config.heuristic),
        "random-legal": lambda config, seed: RandomLegal(
            seed, wait_probability=config.random_wait_probability
        ),
        WAIT_ONLY: lambda _config, _seed: WaitOnly(),
    }
)

CONTROLLERS: Final = (*_BUILDERS, f"{SCHEDULE_PREFIX}PATH")
"""Names that ``build_controller`` knows; the last one stands for a schedule read from a file."""


def build_controller(
    name: str, config: ControllerConfig | None = None, seed: int = 0
) -> Controller:
    """Build a controller for one run or episode of one host.

    Args:
        name: One of ``CONTROLLERS``, with a path after ``schedule:``.
        config: Settings of every controller; their defaults if not given.
        seed: Seed of its random choices, any integer.

    Returns:
        A controller that has decided nothing yet.

    Raises:
        UnknownNameError: If there is no controller of that name.
        ScheduleError: If the schedule has no path, cannot be read or breaks a rule.
    """
    if name.startswith(SCHEDULE_PREFIX):
        path = name.removeprefix(SCHEDULE_PREFIX)
        if not path:
            message = f"controller must name a file after {SCHEDULE_PREFIX}, got {name!r}"
            raise ScheduleError(message)
        return ScheduleController(load_schedule(path), name=name)
    builder = _BUILDERS.get(name)
    if builder is None:
        raise UnknownNameError("controller", name, list(CONTROLLERS))
    return builder(config or ControllerConfig(), seed)

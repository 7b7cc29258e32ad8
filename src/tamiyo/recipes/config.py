"""RunConfig: the rooms' settings side by side, and the only place that reads the environment."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Final

from tyro.conf import EnumChoicesFromValues, arg

from tamiyo.contracts import ConfigError, SlotIdError, encode_record, sort_slot_ids
from tamiyo.controller import (
    SCHEDULE_PREFIX,
    ControllerConfig,
    TrackerConfig,
    load_schedule,
)
from tamiyo.engine import EngineConfig
from tamiyo.recipes.learned_controller import hash_policy, is_learned
from tamiyo.tasks import HostSource, Task, get_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.contracts import TaskConfig

__all__ = ["RunConfig", "build_effective_task", "encode_config", "hash_config", "is_debugging"]

_DEBUG_VARIABLES: Final = ("TAMIYO_DEBUG", "ESPER_DEBUG_STAGE")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides a run.

    Attributes:
        task: Name of the task.
        controller: Name of the controller: ``schedule:PATH`` follows a file, ``learned:PATH`` or
            PATH alone is what ``tamiyo train`` left in a folder, ``learned`` what comes along.
        seed: Seed of every random draw.
        epochs: Epochs to train, the closing ones included; the task's own number if not given.
        slots: Slots that may be used; all of the task's if not given.
        hosts: Whether every run has the task's host, or one drawn by its seed from the task's
            distribution.
        engine: How hosts are trained.
        tracker: How the course of training is read.
        control: Settings of the controllers.
    """

    task: str = "digits-canvas"
    controller: str = "heuristic"
    seed: int = 0
    epochs: int | None = None
    slots: tuple[str, ...] | None = None
    hosts: Annotated[HostSource, EnumChoicesFromValues] = HostSource.FIXED
    engine: Annotated[EngineConfig, arg(name="")] = field(default_factory=EngineConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    control: Annotated[ControllerConfig, arg(name="")] = field(default_factory=ControllerConfig)

    def __post_init__(self) -> None:
        """Refuse what no task allows.

        Raises:
            ConfigError: If epochs or seed are negative, or epochs are zero.
        """
        if self.epochs is not None and self.epochs < 1:
            message = f"epochs must be at least 1, got {self.epochs}"
            raise ConfigError(message)
        if self.seed < 0:
            message = f"seed must be at least 0, got {self.seed}"
            raise ConfigError(message)


def build_effective_task(config: RunConfig) -> Task:
    """Return the task as this run has it: its epochs and its slots.

    Raises:
        UnknownNameError: If there is no such task.
        SlotIdError: If a slot is none of the task's, is given twice, or there are none.
        ConfigError: If the epochs do not leave room for a decision.
    """
    task = get_task(config.task)
    if config.epochs is not None:
        task = replace(task, config=replace(task.config, max_epochs=config.epochs))
    if config.slots is None:
        return task
    for slot_id in config.slots:
        if slot_id not in task.slots:
            known = ", ".join(task.slots)
            message = f"slots must be among {known} for task {config.task}, got {slot_id!r}"
            raise SlotIdError(message)
    if not config.slots:
        message = f"slots must name at least one of {', '.join(task.slots)}, got none"
        raise SlotIdError(message)
    sort_slot_ids(config.slots)
    chosen = {slot_id: path for slot_id, path in task.slots.items() if slot_id in config.slots}
    return replace(task, slots=chosen)


def encode_config(config: RunConfig, task: TaskConfig) -> dict[str, object]:
    """Turn the effective configuration into plain JSON values."""
    run = encode_record(config)
    if config.controller.startswith(SCHEDULE_PREFIX):
        # The file may change after the run: what was in it belongs to the configuration.
        schedule = load_schedule(config.controller.removeprefix(SCHEDULE_PREFIX))
        run["schedule"] = encode_record(schedule)
    if is_learned(config.controller):
        run["policy_sha256"] = hash_policy(config.controller)
    return {"run": run, "task": encode_record(task)}


def hash_config(config: RunConfig, task: TaskConfig) -> str:
    """Hash the effective configuration: equal hashes mean equal settings."""
    text = json.dumps(encode_config(config, task), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_debugging(environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the environment asks for every internal assertion.

    Args:
        environ: Variables to read instead of the process's own.
    """
    variables = os.environ if environ is None else environ
    return any(variables.get(name) == "1" for name in _DEBUG_VARIABLES)

"""TrainConfig: everything that decides the training of a controller, and what it learns on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import gymnasium
from gymnasium.vector import AutoresetMode, VectorEnv
from tyro.conf import arg

from tamiyo.contracts import (
    ConfigError,
    UnknownNameError,
    check_at_least,
    check_at_most,
    encode_record,
)
from tamiyo.environment import (
    Baseline,
    HostEnvConfig,
    SurrogateConfig,
    build_digits_config,
    build_tiny_config,
    name_task,
)
from tamiyo.learning import DEFAULT_ROLLOUT_STEPS, TrainerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DIGITS",
    "SURROGATE",
    "TINY",
    "TrainConfig",
    "build_env",
    "count_rollout_steps",
    "find_surrogate",
    "hash_training",
]

_NAMESPACE: Final = "tamiyo"
_SURROGATE_ID: Final = f"{_NAMESPACE}/Surrogate-v0"
_MOST_ENVS: Final = 65_536

SURROGATE: Final = "surrogate"
"""Name of the surrogate whose family of hosts is part of the run's settings."""

TINY: Final = "surrogate-tiny"
"""Name of the surrogate whose optimum is known exactly."""

DIGITS: Final = "surrogate-digits"
"""Name of the surrogate whose hosts are like those of digits-cnn."""

_SHORT_NAMES: Final = {
    _SURROGATE_ID: SURROGATE,
    "tamiyo/SurrogateTiny-v0": TINY,
    "tamiyo/SurrogateDigits-v0": DIGITS,
}


def _build_groups() -> HostEnvConfig:
    """Build episodes in groups that are their own baseline: a twin for eight costs little."""
    return HostEnvConfig(baseline=Baseline.GROUP, group_size=8)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a controller is trained.

    Attributes:
        env: What it learns on: surrogate, surrogate-tiny, surrogate-digits, or the id of any
            environment registered with Gymnasium whose actions are MultiDiscrete or Discrete;
            MODULE:ID imports the module that registers it first.
        task: Instead, a task: the controller learns on real hosts that train on its data.
        envs: Environments in lockstep.
        seed: Seed of every random draw.
        checkpoint_updates: Updates from one checkpoint to the next; if not given, 25, or 1 on a
            task, where an update takes a minute.
        learner: How it learns.
        surrogate: The family of hosts of the environment called surrogate.
        hosts: What the episodes on a task are like.
        record_envs: On a task, environments whose episodes are told event by event, from the first
            on; 0 for none.
        start: Checkpoint or folder of a training whose controller this one begins with.
    """

    env: str = SURROGATE
    task: str | None = None
    envs: int = 64
    seed: int = 0
    checkpoint_updates: int | None = None
    learner: Annotated[TrainerConfig, arg(name="")] = field(default_factory=TrainerConfig)
    surrogate: SurrogateConfig = field(default_factory=SurrogateConfig)
    hosts: HostEnvConfig = field(default_factory=_build_groups)
    record_envs: int = 2
    start: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained on, and call a surrogate by its short name.

        Raises:
            ConfigError: If a number is too small or too large, or there are settings of the
                surrogate or of hosts for another environment.
            UnknownNameError: If there is no such task.
        """
        check_at_least(self, {"envs": 1, "seed": 0, "record_envs": 0})
        if self.checkpoint_updates is not None:
            check_at_least(self, {"checkpoint_updates": 1})
        check_at_most(self, {"envs": _MOST_ENVS})
        name = _SHORT_NAMES.get(self.env.rpartition(":")[2], self.env)
        object.__setattr__(self, "env", name)  # frozen
        if name != SURROGATE and self.surrogate != SurrogateConfig():
            message = (
                f"settings of the surrogate must go with --env {SURROGATE}, got {name} with "
                f"{', '.join(_list_changes(self.surrogate, SurrogateConfig()))}"
            )
            raise ConfigError(message)
        self._settle_hosts()

    def _settle_hosts(self) -> None:
        """Give the episodes of hosts what the run decides about them.

        Raises:
            ConfigError: If both a task and an environment are named, there are settings of hosts
                without a task, or the environments do not make up whole groups.
        """
        hosts = replace(self.hosts, gamma=self.learner.ppo.gamma)
        if self.task is None:
            if replace(self.hosts, gamma=1.0) != _build_groups():
                changed = ", ".join(_list_changes(self.hosts, _build_groups()))
                message = f"settings of hosts must go with --task, got {changed} without one"
                raise ConfigError(message)
            return
        if self.env != SURROGATE:
            message = f"either task or env must be named, got {self.task} and {self.env}"
            raise ConfigError(message)
        object.__setattr__(self, "hosts", replace(hosts, task=self.task))  # frozen
        if self.envs % self.hosts.group_size:
            message = (
                f"envs must be a multiple of the group size {self.hosts.group_size}, "
                f"got {self.envs}"
            )
            raise ConfigError(message)

    @property
    def updates_per_checkpoint(self) -> int:
        """Updates from one checkpoint to the next."""
        if self.checkpoint_updates is not None:
            return self.checkpoint_updates
        return 25 if self.task is None else 1

    @property
    def problem(self) -> str:
        """What it learns on, in one word: the task or the environment."""
        return self.task or self.env


def find_surrogate(config: TrainConfig) -> SurrogateConfig | None:
    """Return the family of synthetic hosts a run learns on; ``None`` if on something else."""
    if config.task is not None:
        return None
    families = {
        SURROGATE: config.surrogate,
        TINY: build_tiny_config(),
        DIGITS: build_digits_config(),
    }
    return families.get(config.env)


def build_env(
    config: TrainConfig, *, num_envs: int | None = None, workers: int = 1
) -> VectorEnv[Any, Any, Any]:
    """Make the environments of a run.

    Args:
        config: The run.
        num_envs: Environments in lockstep; those of the run if not given.
        workers: Processes to train the hosts of a task in.

    Raises:
        UnknownNameError: If nothing of that name is registered with Gymnasium.
        ConfigError: If a module cannot be imported, or Gymnasium cannot make the environment.
    """
    num_envs = config.envs if num_envs is None else num_envs
    if config.task is not None:
        name = f"{_NAMESPACE}/{name_task(config.task)}-v0"
        return gymnasium.make_vec(
            name,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            config=config.hosts,
            workers=workers,
        )
    family = find_surrogate(config)
    if family is not None:
        return gymnasium.make_vec(_SURROGATE_ID, num_envs=num_envs, config=family)
    name = _find_registered(config.env)
    try:
        if gymnasium.registry[name].vector_entry_point is not None:
            return gymnasium.make_vec(name, num_envs=num_envs)
        return gymnasium.make_vec(
            name,
            num_envs=num_envs,
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        )
    except (gymnasium.error.Error, ImportError) as error:
        message = f"env must be one that Gymnasium can make here, got {config.env}: {error}"
        raise ConfigError(message) from error


def count_rollout_steps(config: TrainConfig) -> int:
    """Count the environment steps of one rollout, over all environments.

    Args:
        config: The run.

    Raises:
        UnknownNameError: If there is no such environment.
        ConfigError: If it cannot be made.
    """
    steps = config.learner.rollout_steps
    if steps is None:
        env = build_env(config, num_envs=max(1, config.hosts.group_size))
        steps = getattr(env.unwrapped, "episode_length", None) or DEFAULT_ROLLOUT_STEPS
        env.close()
    return int(steps) * config.envs


def hash_training(config: TrainConfig) -> str:
    """Hash the configuration: equal hashes mean equal settings."""
    plain: Mapping[str, object] = encode_record(config)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _find_registered(env: str) -> str:
    """Return the id under which an environment is registered.

    Raises:
        UnknownNameError: If there is none of that name.
        ConfigError: If the module that is to register it cannot be imported.
    """
    module, _, name = env.rpartition(":")
    if module:
        try:
            import_module(module)
        except (ImportError, TypeError, ValueError) as error:
            message = f"env must be MODULE:ID with a module to import, got {env}: {error}"
            raise ConfigError(message) from error
    if name not in gymnasium.registry:
        known = sorted(known for known in gymnasium.registry if known.startswith("tamiyo/"))
        kind, others = "env", ["any Gymnasium id, with MODULE: before it if a module registers it"]
        raise UnknownNameError(kind, env, [SURROGATE, TINY, *known, *others])
    return name


def _list_changes(settings: object, defaults: object) -> list[str]:
    return list(_compare(encode_record(settings), encode_record(defaults), ""))


def _compare(plain: Mapping[str, Any], default: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in plain.items():
        if isinstance(value, dict):
            yield from _compare(value, default[name], f"{prefix}{name}.")
        elif value != default[name]:
            yield f"{prefix}{name} {value}"

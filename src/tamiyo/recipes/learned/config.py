"""TrainConfig: everything that decides the training of a controller, and what it learns on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
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
from tamiyo.environment import SurrogateConfig, build_tiny_config
from tamiyo.learning import TrainerConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SURROGATE", "TINY", "TrainConfig", "build_env", "find_surrogate", "hash_training"]

_SURROGATE_ID: Final = "tamiyo/Surrogate-v0"
_MOST_ENVS: Final = 65_536

SURROGATE: Final = "surrogate"
"""Name of the surrogate whose family of hosts is part of the run's settings."""

TINY: Final = "surrogate-tiny"
"""Name of the surrogate whose optimum is known exactly."""

_SHORT_NAMES: Final = {_SURROGATE_ID: SURROGATE, "tamiyo/SurrogateTiny-v0": TINY}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a controller is trained.

    Attributes:
        env: What it learns on: surrogate, surrogate-tiny, or the id of any environment registered
            with Gymnasium whose actions are MultiDiscrete or Discrete; MODULE:ID imports the module
            that registers it first.
        envs: Environments in lockstep.
        seed: Seed of every random draw.
        checkpoint_updates: Updates from one checkpoint to the next.
        learner: How it learns.
        surrogate: The family of hosts of the environment called surrogate.
    """

    env: str = SURROGATE
    envs: int = 64
    seed: int = 0
    checkpoint_updates: int = 25
    learner: Annotated[TrainerConfig, arg(name="")] = field(default_factory=TrainerConfig)
    surrogate: SurrogateConfig = field(default_factory=SurrogateConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained on, and call a surrogate by its short name.

        Raises:
            ConfigError: If a number is too small or too large, or there are settings of the
                surrogate for another environment.
        """
        check_at_least(self, {"envs": 1, "seed": 0, "checkpoint_updates": 1})
        check_at_most(self, {"envs": _MOST_ENVS})
        name = _SHORT_NAMES.get(self.env.rpartition(":")[2], self.env)
        object.__setattr__(self, "env", name)  # frozen
        if name != SURROGATE and self.surrogate != SurrogateConfig():
            message = (
                f"settings of the surrogate must go with --env {SURROGATE}, got {name} with "
                f"{', '.join(_list_changes(self.surrogate))}"
            )
            raise ConfigError(message)


def find_surrogate(config: TrainConfig) -> SurrogateConfig | None:
    """Return the family of synthetic hosts a run learns on; ``None`` if on something else."""
    families = {SURROGATE: config.surrogate, TINY: build_tiny_config()}
    return families.get(config.env)


def build_env(config: TrainConfig, *, num_envs: int | None = None) -> VectorEnv[Any, Any, Any]:
    """Make the environments of a run.

    Args:
        config: The run.
        num_envs: Environments in lockstep; those of the run if not given.

    Raises:
        UnknownNameError: If nothing of that name is registered with Gymnasium.
        ConfigError: If a module cannot be imported, or Gymnasium cannot make the environment.
    """
    num_envs = config.envs if num_envs is None else num_envs
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


def _list_changes(surrogate: SurrogateConfig) -> list[str]:
    default = encode_record(SurrogateConfig())
    plain = encode_record(surrogate)
    return [f"{name} {value}" for name, value in plain.items() if value != default[name]]

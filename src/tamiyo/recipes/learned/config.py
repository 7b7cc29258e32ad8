"""TrainConfig: everything that decides the training of a controller, and what it learns on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import gymnasium
from gymnasium.vector import AutoresetMode, VectorEnv
from tyro.conf import arg

from tamiyo.contracts import UnknownNameError, check_at_least, encode_record
from tamiyo.environment import SurrogateConfig, build_tiny_config
from tamiyo.learning import TrainerConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TINY", "TrainConfig", "build_env", "find_surrogate", "hash_training"]

_SURROGATE_ID: Final = "tamiyo/Surrogate-v0"
_SURROGATE: Final = "surrogate"

TINY: Final = "surrogate-tiny"
"""Name of the surrogate whose optimum is known exactly."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a controller is trained.

    Attributes:
        env: What it learns on: surrogate, surrogate-tiny, or the id of any environment registered
            with Gymnasium whose actions are MultiDiscrete or Discrete.
        envs: Environments in lockstep.
        seed: Seed of every random draw.
        checkpoint_updates: Updates from one checkpoint to the next.
        learner: How it learns.
        surrogate: The family of hosts of the environment called surrogate.
    """

    env: str = _SURROGATE
    envs: int = 64
    seed: int = 0
    checkpoint_updates: int = 25
    learner: Annotated[TrainerConfig, arg(name="")] = field(default_factory=TrainerConfig)
    surrogate: SurrogateConfig = field(default_factory=SurrogateConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained on.

        Raises:
            ConfigError: If a number is too small.
        """
        check_at_least(self, {"envs": 1, "seed": 0, "checkpoint_updates": 1})


def find_surrogate(config: TrainConfig) -> SurrogateConfig | None:
    """Return the family of synthetic hosts a run learns on; ``None`` if on something else."""
    families = {_SURROGATE: config.surrogate, TINY: build_tiny_config()}
    return families.get(config.env)


def build_env(config: TrainConfig, *, num_envs: int | None = None) -> VectorEnv[Any, Any, Any]:
    """Make the environments of a run.

    Args:
        config: The run.
        num_envs: Environments in lockstep; those of the run if not given.

    Raises:
        UnknownNameError: If nothing of that name is registered with Gymnasium.
    """
    num_envs = config.envs if num_envs is None else num_envs
    family = find_surrogate(config)
    if family is not None:
        return gymnasium.make_vec(_SURROGATE_ID, num_envs=num_envs, config=family)
    if config.env not in gymnasium.registry:
        known = sorted(name for name in gymnasium.registry if name.startswith("tamiyo/"))
        kind = "env"
        raise UnknownNameError(kind, config.env, [_SURROGATE, TINY, *known, "any Gymnasium id"])
    if gymnasium.registry[config.env].vector_entry_point is not None:
        return gymnasium.make_vec(config.env, num_envs=num_envs)
    return gymnasium.make_vec(
        config.env,
        num_envs=num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
    )


def hash_training(config: TrainConfig) -> str:
    """Hash the configuration: equal hashes mean equal settings."""
    plain: Mapping[str, object] = encode_record(config)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

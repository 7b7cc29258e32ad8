"""SurrogateEnv: one synthetic host, for libraries that do not know vector environments."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from tamiyo.environment.changing import change_config
from tamiyo.environment.growth import GrowthEnv
from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv

__all__ = ["SurrogateEnv"]


class SurrogateEnv(GrowthEnv[SurrogateVectorEnv]):
    """What a :class:`SurrogateVectorEnv` of one environment is, without autoreset.

    Args:
        config: The family of hosts; the default one if not given.
        **changes: Fields of ``config`` to replace.

    Raises:
        UnknownNameError: If the configuration has no such field.
        ConfigError: If a number is outside its range.
    """

    def __init__(self, config: SurrogateConfig | None = None, **changes: object) -> None:
        config = change_config(config or SurrogateConfig(), changes)
        super().__init__(SurrogateVectorEnv(1, config, autoreset_mode=AutoresetMode.DISABLED))

"""HostEnv: one real host, for libraries that do not know vector environments."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from tamiyo.environment.changing import change_config
from tamiyo.environment.growth import GrowthEnv
from tamiyo.environment.hosts.config import HostEnvConfig
from tamiyo.environment.hosts.vector_env import HostVectorEnv

__all__ = ["HostEnv"]


class HostEnv(GrowthEnv[HostVectorEnv]):
    """What a :class:`HostVectorEnv` of one environment is, without autoreset.

    Args:
        config: What the episodes are like; the default ones if not given.
        **changes: Fields of ``config`` to replace.

    Raises:
        UnknownNameError: If the configuration has no such field.
        ConfigError: If the engine cannot train the host, or a group is its own baseline.
    """

    def __init__(self, config: HostEnvConfig | None = None, **changes: object) -> None:
        config = change_config(config or HostEnvConfig(), changes)
        super().__init__(HostVectorEnv(1, config, autoreset_mode=AutoresetMode.DISABLED))

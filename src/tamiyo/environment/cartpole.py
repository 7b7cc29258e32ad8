"""CartPole without velocities: how fast the pole falls must be remembered, since it is not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv
from gymnasium.spaces import Box
from gymnasium.wrappers import TransformObservation
from gymnasium.wrappers.vector import TransformObservation as TransformObservations

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.spaces import Space
    from gymnasium.vector import VectorEnv
    from numpy.typing import NDArray

__all__ = ["make_cartpole", "make_cartpole_vector"]

_SEEN: Final = (0, 2)  # of position, velocity, angle, angular velocity


def make_cartpole(*, render_mode: str | None = None) -> Env[NDArray[Any], Any]:
    """Make Gymnasium's CartPole, endless, that shows position and angle only, ``[2]``.

    Args:
        render_mode: One of those of Gymnasium's CartPole.
    """
    env: Env[NDArray[Any], Any] = CartPoleEnv(render_mode=render_mode)
    return TransformObservation(env, _see, _see_space(env.observation_space))


def make_cartpole_vector(
    num_envs: int = 1, *, max_episode_steps: int = 500
) -> VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Make Gymnasium's CartPoles in lockstep that show positions and angles only, ``[N, 2]``.

    All draw from one generator, so what a row sees depends on their number.

    Args:
        num_envs: Number of environments.
        max_episode_steps: Steps after which an episode is truncated.
    """
    env = CartPoleVectorEnv(num_envs, max_episode_steps)
    seen = _see_space(env.observation_space), _see_space(env.single_observation_space)
    return TransformObservations(env, _see, *seen)


def _see(observations: NDArray[np.float32]) -> NDArray[np.float32]:
    return observations[..., _SEEN]


def _see_space(space: Space[Any]) -> Box[np.float32]:
    assert isinstance(space, Box)
    return Box(_see(space.low), _see(space.high), dtype=np.float32)

"""Names under which Gymnasium makes the environments.

Importing this module registers them, so ``gymnasium.make("tamiyo.environment:tamiyo/NAME-v0")``
needs no other import.
"""

from __future__ import annotations

import gymnasium

from tamiyo.environment.probes import PROBES
from tamiyo.tasks import list_tasks

__all__ = ["name_task", "register_environments"]


def register_environments() -> None:
    """Register every environment that is not registered yet.

    The code of an environment is loaded when it is made, not here.
    """
    room = "tamiyo.environment"
    probe = f"{room}.probe_env:ProbeEnv", f"{room}.probe_env:ProbeVectorEnv"
    cartpole = f"{room}.cartpole:make_cartpole", f"{room}.cartpole:make_cartpole_vector"
    surrogate = f"{room}.surrogate:SurrogateEnv", f"{room}.surrogate:SurrogateVectorEnv"
    host = f"{room}.hosts.single_env:HostEnv", f"{room}.hosts.vector_env:HostVectorEnv"
    tiny = f"{room}.yardsticks.tiny:make_tiny", f"{room}.yardsticks.tiny:make_tiny_vector"
    digits = f"{room}.likeness:make_digits", f"{room}.likeness:make_digits_vector"
    for name in PROBES:
        _register(f"Probe{name}", probe, probe=name)
    _register("CartPoleNoVelocity", cartpole, max_episode_steps=500)
    _register("Surrogate", surrogate)
    _register("SurrogateTiny", tiny)
    _register("SurrogateDigits", digits)
    for task in list_tasks():
        _register(name_task(task), host, task=task)


def name_task(task: str) -> str:
    """Return a task's name as it is registered, without namespace and version.

    >>> name_task("digits-cnn")
    'DigitsCnn'
    """
    return "".join(word.capitalize() for word in task.split("-"))


def _register(
    name: str, makers: tuple[str, str], *, max_episode_steps: int | None = None, **keywords: object
) -> None:
    """Register what makes one environment, and many in lockstep, unless the name is taken."""
    if f"tamiyo/{name}-v0" not in gymnasium.registry:
        gymnasium.register(
            f"tamiyo/{name}-v0",
            entry_point=makers[0],
            vector_entry_point=makers[1],
            max_episode_steps=max_episode_steps,
            kwargs=keywords,
        )


register_environments()

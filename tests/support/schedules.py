"""A schedule that commits a seed on digits-cnn in few epochs, and the settings that let it."""

from __future__ import annotations

from tamiyo.contracts import LifecycleConfig
from tamiyo.engine import EngineConfig
from tamiyo.recipes import RunConfig

__all__ = ["EAGER_FLAGS", "build_growing_config", "write_schedule"]

_SCHEDULE = """\
[[seed]]
slot = "r0c1"
germinate = 1
blueprint = "conv_light"
tempo = "fast"
incubate = 1
"""

EAGER_FLAGS = (
    "--lifecycle.no-ramp",
    "--lifecycle.min-shadow-gain",
    "0",
    "--lifecycle.min-gradient-health",
    "0",
    "--lifecycle.min-fossilize-contribution",
    "0",
    "--lifecycle.contribution-errors",
    "0",
)
"""The words for the settings of ``build_growing_config``."""


def write_schedule(folder):
    """Write the schedule and return the controller's name."""
    path = folder / "plan.toml"
    path.write_text(_SCHEDULE)
    return f"schedule:{path}"


def build_growing_config(folder, **fields):
    """Settings under which 20 epochs of digits-cnn, ten of them closing, commit one seed."""
    lifecycle = LifecycleConfig(
        ramp=False,
        min_shadow_gain=0.0,
        min_gradient_health=0.0,
        min_fossilize_contribution=0.0,
        contribution_errors=0.0,
    )
    return RunConfig(
        **{
            "task": "digits-cnn",
            "controller": write_schedule(folder),
            "epochs": 20,
            "engine": EngineConfig(lifecycle=lifecycle),
            **fields,
        }
    )

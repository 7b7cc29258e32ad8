"""Which outputs seeds can work on, and which axes of them mean what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.model.blueprints import FEWEST_NUMBERS, SUPPORTED_AXES, count_normalized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.model.attaching.observing import Observation

__all__ = ["find_output_refusal"]

_SUPPORTED: Final = "put out [B, C, H, W], [B, T, D] or [B, D]"
_LAYOUTS: Final[Mapping[tuple[int, int | None], tuple[str, str]]] = {
    (3, 1): ("[B, C, L]", "name a module that puts out [B, L, C], or use 2-D layers of height 1"),
    (4, -1): ("[B, H, W, C]", "name a module that puts out [B, C, H, W]"),
    (5, 1): ("[B, C, D, H, W]", "name another module"),
}
"""Number of axes and axis of the channels to a layout that is not supported, and the way out."""


def find_output_refusal(observation: Observation, path: str) -> str | None:
    """Say why seeds cannot work on the output of a module, if they cannot.

    Args:
        observation: A watched pass of the host.
        path: Path of the module, the first of its names.
    """
    runs = observation.find(path)
    if not runs:
        return "must run in every pass, got no run: name a module that the host calls"
    if len(runs) > 1:
        return (
            f"must run once per pass, got {len(runs)} runs: name a module around it, or give each "
            "use a module of its own"
        )
    sighting = observation.sightings[runs[0]]
    if sighting.shape is None or sighting.dtype is None:
        return (
            f"must put out one tensor, got {sighting.kind}: name a module around it that returns "
            "one tensor, or write one that does"
        )
    if not sighting.dtype.is_floating_point:
        return (
            f"must put out real floating-point numbers, got {sighting.dtype}: name another module"
        )
    return _find_layout_refusal(sighting.shape, observation.find_channel_axis(runs[0]))


def _find_layout_refusal(shape: tuple[int, ...], channel_axis: int | None) -> str | None:
    found = f"got {list(shape)}"
    if (len(shape), channel_axis) in _LAYOUTS:
        layout, way_out = _LAYOUTS[len(shape), channel_axis]
        return f"must {_SUPPORTED}, {found}, which is {layout}: {way_out}"
    if len(shape) not in SUPPORTED_AXES:
        return f"must {_SUPPORTED}, {found}: name another module"
    if count_normalized(shape) < FEWEST_NUMBERS:
        return (
            f"must put out at least {FEWEST_NUMBERS} numbers to normalize over, {found}: name "
            "another module"
        )
    return None

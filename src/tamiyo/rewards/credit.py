"""What seeds are credited with: their contributions, and no more than was really gained.

A contribution says how much the network depends on a seed, not what the seed is worth: a host that
trains together with a seed comes to need it. The net gain is what counts, the result less that of
the wait-only twin, and it is shared out among the seeds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["compute_attribution_potential", "compute_credits", "compute_net_gain"]


def compute_net_gain(accuracy_points: float, twin_points: float | None) -> float | None:
    """Return what growing has gained so far, points; ``None`` without a twin to compare with.

    Args:
        accuracy_points: Control accuracy of the grown network.
        twin_points: The same of the wait-only twin after the same epoch.
    """
    return None if twin_points is None else accuracy_points - twin_points


def compute_credits(
    contributions: Mapping[str, float | None], net_gain: float | None
) -> dict[str, float | None]:
    """Credit every seed with its contribution, capped by its share of the net gain.

    Shares are in proportion to the positive contributions. A seed that does harm is credited with
    the harm. Whatever is unknown makes a credit unknown, and so does what is not finite: a loss may
    overflow with a seed switched off.

    Args:
        contributions: Seed id to its contribution, points; ``None`` if it was never measured.
        net_gain: What growing has gained, points; ``None`` if that is unknown.

    Returns:
        Seed id to its credit, points; ``None`` where it is unknown.

    >>> compute_credits({"a": 30.0, "b": 10.0, "c": -2.0}, 8.0)
    {'a': 6.0, 'b': 2.0, 'c': -2.0}
    """
    gain = _keep_finite(net_gain)
    known = {seed_id: _keep_finite(points) for seed_id, points in contributions.items()}
    useful = sum(points for points in known.values() if points is not None and points > 0)
    found: dict[str, float | None] = {}
    for seed_id, points in known.items():
        if points is None or gain is None:
            found[seed_id] = None
        elif points <= 0:
            found[seed_id] = points
        else:
            found[seed_id] = min(points, max(gain, 0.0) * (points / useful))
    return found


def compute_attribution_potential(
    credited: Mapping[str, float | None], *, bound_points: float
) -> float:
    """Sum what is known of the credits, in ``[-bound_points, bound_points]``.

    Args:
        credited: Seed id to its credit, points; ``None`` where it is unknown.
        bound_points: Largest absolute value.
    """
    total = sum(points for points in credited.values() if points is not None)
    return max(-bound_points, min(bound_points, total))


def _keep_finite(points: float | None) -> float | None:
    return None if points is None or not math.isfinite(points) else points

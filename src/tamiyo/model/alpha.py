"""AlphaSchedule: how much of a seed is blended in, epoch by epoch.

A ramp goes from the present weights to new ones along one of three curves. A change of style is one
ramp in which the old style's weight goes to zero while the new one's rises: the two are composed
side by side.
"""

from __future__ import annotations

from tamiyo.contracts import (
    AlphaCurve,
    AlphaMode,
    AlphaReport,
    InvariantError,
    Style,
    ramp_fraction,
)

__all__ = ["AlphaSchedule", "Weights"]

Weights = tuple[tuple[Style, float], ...]
"""Styles in effect with their alpha; empty when the seed has no influence."""


class AlphaSchedule:
    """Weights of a seed's styles over time; starts without influence, steady."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.mode = AlphaMode.HOLD
        self.steps_total = 0
        self.steps_done = 0
        self._curve = AlphaCurve.LINEAR
        self._start: dict[Style, float] = {style: 0.0}
        self._goal: dict[Style, float] = {style: 0.0}
        self._now: dict[Style, float] = {style: 0.0}

    @property
    def alpha(self) -> float:
        """Influence now, in [0, 1]."""
        return sum(self._now.values())

    @property
    def target(self) -> float:
        """Influence the schedule leads to or rests at, in [0, 1]."""
        return sum(self._goal.values())

    @property
    def steps_left(self) -> int:
        """Epochs until the ramp ends; 0 when steady."""
        return 0 if self.mode == AlphaMode.HOLD else self.steps_total - self.steps_done

    @property
    def weights(self) -> Weights:
        """Styles with a weight other than zero, with that weight."""
        return tuple((style, weight) for style, weight in self._now.items() if weight != 0)

    @property
    def styles(self) -> tuple[Style, ...]:
        """Every style that is composed now or will be at the end of the ramp."""
        return tuple(self._now)

    def begin(self, style: Style, target: float, *, steps: int, curve: AlphaCurve) -> None:
        """Begin a ramp from the present weights to ``target`` in ``style`` alone.

        Args:
            style: Style that is to remain.
            target: Its alpha at the end, in [0, 1].
            steps: Epochs the ramp takes; 0 jumps at once.
            curve: Shape of the ramp.
        """
        before = self.alpha
        self._start = {**dict.fromkeys((style,), 0.0), **self._now}
        self._goal = {**dict.fromkeys(self._start, 0.0), style: target}
        self._now = dict(self._start)
        self.style = style
        self._curve = curve
        self.steps_total, self.steps_done = steps, 0
        self.mode = AlphaMode.UP if target >= before else AlphaMode.DOWN
        if steps == 0:
            self._finish()

    def tick(self) -> bool:
        """Let one epoch pass.

        Returns:
            True if a ramp reached its end in this tick.
        """
        if self.mode == AlphaMode.HOLD:
            return False
        self.steps_done += 1
        if self.steps_done >= self.steps_total:
            self._finish()
            return True
        fraction = ramp_fraction(self._curve, self.steps_done / self.steps_total)
        self._now = {
            style: start + (self._goal[style] - start) * fraction
            for style, start in self._start.items()
        }
        return False

    def report(self) -> AlphaReport:
        """Return the state as plain numbers."""
        return AlphaReport(
            alpha=self.alpha,
            target=self.target,
            mode=self.mode,
            steps_total=self.steps_total,
            steps_done=self.steps_done,
        )

    def _finish(self) -> None:
        self.mode = AlphaMode.HOLD
        self._now = {self.style: self._goal[self.style]}
        self._goal = dict(self._now)
        if not 0 <= self.alpha <= 1:
            message = f"alpha must be in [0, 1], got {self.alpha}"
            raise InvariantError(message)

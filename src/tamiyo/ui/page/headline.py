"""The headline of a run: what growing gave, in one number, a few figures and one paragraph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamiyo.ui.formatting import format_count, format_growth, format_si
from tamiyo.ui.metric import MetricView
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import count, define

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory, LearningStory, RunStory
    from tamiyo.ui.page.elements.markup import Content

__all__ = [
    "Outcome",
    "find_gain",
    "find_outcome",
    "write_headline",
    "write_hero",
    "write_title",
]

_GAIN: Final = "gain over the host alone"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a host ended beside the host alone; ``None`` means not known.

    Attributes:
        score: What the grown network is worth, points.
        host_score: What the host alone is worth, points.
        basis: What these are, in words.
    """

    score: float | None
    host_score: float | None
    basis: str

    @property
    def gain(self) -> float | None:
        """Points the grown network is ahead; ``None`` if either is not known."""
        if self.score is None or self.host_score is None:
            return None
        return self.score - self.host_score


def find_outcome(host: HostStory) -> Outcome:
    """Say how a host ended, by its score, or on the control split if it has none."""
    end = host.end
    if end is not None and end.score is not None:
        return Outcome(score=end.score, host_score=host.host_score, basis="score")
    committed = host.points[-1].committed if end is None else end.control_accuracy
    epoch = host.points[-1].epoch
    alone = host.twin[epoch] if epoch < len(host.twin) else None
    when = f"after epoch {epoch}" if end is None else "at the end"
    return Outcome(
        score=committed, host_score=alone, basis=f"control accuracy {when}, no rent taken off"
    )


def write_title(run: RunStory) -> str:
    """Say in a few words which run it is."""
    seed = "" if run.seed is None else f", seed {run.seed}"
    if run.kind == "training":
        return f"Training on {run.title}{seed}"
    if run.kind == "run":
        return f"{run.title} grown by the {run.controller} controller{seed}"
    return "A run whose beginning is not known"


def write_headline(run: RunStory) -> Markup:
    """Write the headline of a run."""
    if run.learning is not None:
        return _write_training(run, run.learning)
    if run.hosts:
        return _write_growth(run, run.hosts[0])
    return tag("p", "The log tells of no network and of no training.", class_="story")


def find_gain(run: RunStory) -> float | None:
    """Return how far the grown networks are ahead of the host alone, points.

    Of a training it is the mean over the last tenth of its updates; ``None`` if it is not known.
    """
    if run.learning is None:
        return find_outcome(run.hosts[0]).gain if run.hosts else None
    gains = [curve for curve in run.learning.curves if curve.name == _GAIN]
    return _mean_end(gains[0].values) if gains else None


def write_hero(points: float | None, words: str) -> Markup:
    """Write one large number.

    Args:
        points: The number, points; ``None`` if it is not known.
        words: What it is.
    """
    if points is not None and not math.isfinite(points):
        points, words = None, f"{words}: the number is not finite"
    number = "unknown" if points is None else f"{points:+.1f}"
    look = "hero" if points is None else "hero good" if points > 0 else "hero bad"
    unit = None if points is None else tag("span", " points", class_="unit")
    return tag(
        "p", tag("strong", number, unit), tag("span", words, class_="hero-words"), class_=look
    )


def _write_growth(run: RunStory, host: HostStory) -> Markup:
    outcome = find_outcome(host)
    view = MetricView(host.metric)
    kinds = [mark.kind for mark in host.marks]
    last = host.points[-1]
    end = host.end
    parameters = last.parameters if end is None else end.parameters
    split, accuracy = _find_accuracy(host)
    planted, kept, removed = map(kinds.count, ("planted", "kept", "removed"))
    figures: list[tuple[Content, str, str]] = [
        (
            define("score"),
            _write(outcome.score),
            "accuracy less rent" if outcome.basis == "score" else outcome.basis,
        ),
        (define("host alone"), _write(outcome.host_score), "same data, seed and epochs"),
        (f"{split} {view.name}", view.write(accuracy), view.direction),
        (
            "parameters",
            format_count(parameters),
            f"{format_growth(parameters, host.host_parameters)} over "
            f"{format_count(host.host_parameters)}",
        ),
        ("seeds kept", f"{kept} of {planted}", f"{removed} removed again"),
        _count_alarms(run),
    ]
    story = (
        f"In {count(last.epoch, 'epoch')} the {run.controller or 'unknown'} controller planted "
        f"{count(planted, 'seed')}, kept {kept or 'none'} and removed "
        f"{removed or 'none'}. The network went from {format_count(host.host_parameters)} to "
        f"{format_count(parameters)} trainable parameters and reached {view.write(accuracy)} "
        f"{split} {view.name}."
    )
    cost = (
        ""
        if end is None or end.multiply_adds is None
        else f" Training took {format_si(end.multiply_adds)} multiply-adds."
    )
    return join(
        write_hero(outcome.gain, _write_gain(outcome)),
        _write_figures(figures),
        tag("p", story + cost, class_="story"),
    )


def _write_training(run: RunStory, learning: LearningStory) -> Markup:
    curves = {curve.name: curve for curve in learning.curves}
    gain = curves.get(_GAIN)
    value, words = None, "No episode has ended yet."
    if gain is not None:
        value = _mean_end(gain.values)
        words = (
            "mean score of the grown networks over the host alone, in the last tenth of the "
            "training"
        )
    returns = curves.get("return per episode")
    if gain is None and returns is not None:
        value = _mean_end(returns.values)
        words = "mean return per episode in the last tenth of the training"
    score = curves.get("score")
    figures: list[tuple[Content, str, str]] = [
        ("steps", f"{learning.steps:,}", f"of {learning.total_steps:,} asked for"),
        ("updates", f"{learning.updates:,}", f"{learning.num_envs} environments in lockstep"),
        (define("controller"), format_count(learning.parameters), "trainable parameters"),
        _count_alarms(run),
    ]
    if score is not None:
        mean = _write(_mean_end(score.values))
        figures.insert(3, (define("score"), mean, "mean of the last tenth"))
    first = ""
    shown = gain or returns
    if shown is not None and len(shown.values) > 1:
        first = (
            f" The {shown.name} went from {_mean_start(shown.values):+.2f} in the first tenth of "
            f"the training to {_mean_end(shown.values):+.2f} in the last."
        )
    hosts = (
        f" {count(len(run.hosts), 'environment')} of it were recorded in full; their last "
        "episodes are shown below."
        if run.hosts
        else " Its environment grows no networks that could be shown."
    )
    story = (
        f"A controller learned on {run.title} for {learning.steps:,} of {learning.total_steps:,} "
        f"steps.{first}{hosts}"
    )
    return join(write_hero(value, words), _write_figures(figures), tag("p", story, class_="story"))


def _write_gain(outcome: Outcome) -> str:
    if outcome.gain is None:
        return "how the grown network stands against the host alone: the log does not say"
    if outcome.gain > 0:
        return "the grown network is ahead of the host alone"
    if outcome.gain < 0:
        return "the grown network is behind the host alone"
    return "the grown network is as good as the host alone"


def _write_figures(figures: list[tuple[Content, str, str]]) -> Markup:
    entries = [
        tag("div", tag("dt", name), tag("dd", value), tag("dd", note, class_="quiet"))
        for name, value, note in figures
    ]
    return tag("dl", entries, class_="figures")


def _count_alarms(run: RunStory) -> tuple[Content, str, str]:
    number = sum(run.alarm_counts.values())
    sorts = ", ".join(f"{times} {kind}" for kind, times in run.alarm_counts.items())
    return "alarms", f"{number:,}", sorts or "nothing to worry about"


def _find_accuracy(host: HostStory) -> tuple[str, float]:
    end = host.end
    if end is not None and end.test_accuracy is not None:
        return "test", end.test_accuracy
    if end is not None and end.control_accuracy is not None:
        return "control", end.control_accuracy
    return "control", host.points[-1].committed


def _mean_start(values: tuple[float, ...]) -> float:
    tenth = values[: max(1, len(values) // 10)]
    return sum(tenth) / len(tenth)


def _mean_end(values: tuple[float, ...]) -> float:
    tenth = values[-max(1, len(values) // 10) :]
    return sum(tenth) / len(tenth)


def _write(points: float | None) -> str:
    return "unknown" if points is None else f"{points:.1f}"

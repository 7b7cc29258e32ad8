"""The features of an observation: the one list that names, orders, scales and explains them.

What may be unmeasured has a code below its range, never 0: -1 in a range from 0, -2 in a range from
-1. Where no seed lives a slot has 0 everywhere but in ``active`` and in its two one-hots, which
always sum to 1. The range of a loss is the task's, initial minus target. Points are compressed,
because a network may depend on a seed for 90 points while the gain that matters is 1 to 10: 1, 10
and 100 points become 0.15, 0.52 and 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tamiyo.contracts import AlphaAlgorithm, AlphaMode, Blueprint, SeedStage
from tamiyo.observation.arrays import FREE, HISTORY_EPOCHS
from tamiyo.observation.fields import Feature, Scale
from tamiyo.observation.moment import LONGEST_RAMP, Moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BASE", "SLOT", "TELEMETRY"]

_VANISHING: Final = 1e-7
_EXPLODING: Final = 100.0
"""Norms beyond which a gradient counts as vanishing or exploding."""


def _keep(_moment: Moment, values: NDArray[Any]) -> NDArray[Any]:
    return values


def _compress(_moment: Moment, values: NDArray[Any]) -> NDArray[Any]:
    compressed: NDArray[Any] = np.copysign(np.log1p(np.abs(values)), values) / _LOG_101
    return compressed


def _sum_before(alphas: NDArray[Any]) -> NDArray[Any]:
    """Sum the alphas of the slots before each one."""
    before: NDArray[Any] = np.cumsum(alphas, axis=1) - alphas
    return before


def _flag_norm(moment: Moment, flags: NDArray[np.bool_]) -> NDArray[Any]:
    return np.where(np.isnan(moment.seeds.gradient_norm), np.nan, flags)


_LOG_101: Final = np.log(101)
_MODES: Final = max(AlphaMode)
_ALGORITHMS: Final = len(AlphaAlgorithm) - 1

_FLAG = Scale("0 or 1", 0, 1, _keep)
_MEASURED_FLAG = Scale("0 or 1", 0, 1, _keep, unknown=-1)
_SHARE = Scale("share", 0, 1, _keep)
_MEASURED_SHARE = Scale("share", 0, 1, _keep, unknown=-1)
_EPOCHS = Scale("epochs / max_epochs", 0, 1, lambda m, epochs: epochs / m.task.max_epochs)
_STEPS = Scale("steps / steps of an episode", 0, 1, lambda m, steps: steps / m.total_steps)
# The closing epochs may have a longer ramp than any that can be chosen.
_RAMP = Scale(f"epochs / {LONGEST_RAMP}", 0, 2, lambda _, epochs: epochs / LONGEST_RAMP)
_LOSS = Scale(
    "(loss - target) / range", -1, 2, lambda m, x: (x - m.task.target_loss) / m.loss_range, -2
)
_LOSS_CHANGE = Scale("nats / range", -2, 2, lambda m, nats: nats / m.loss_range, -3)
_ACCURACY = Scale("points / 100", -1, 1, lambda _, points: points / 100, -2)
_POINTS = Scale("sign(p) ln(1 + |p|) / ln 101", -1, 1, _compress, -2)
_GAIN = Scale("ln(1 + p) / ln 101", 0, 1, _compress, -1)
_GROWTH = Scale("ln(parameters / host's)", 0, 3, lambda _, ratios: np.log(ratios))
_MODE = Scale(f"mode / {_MODES}", 0, 1, lambda _, modes: modes / _MODES)
_RATE = Scale("alpha / epoch", -1, 1, _keep)
_ALGORITHM = Scale(f"(code - 1) / {_ALGORITHMS}", 0, 1, lambda _, codes: (codes - 1) / _ALGORITHMS)
_OTHERS = Scale("sum / (slots - 1)", 0, 1, lambda _, alphas: alphas / max(1, alphas.shape[1] - 1))

_HISTORY: Final = tuple(str(place) for place in range(1, HISTORY_EPOCHS + 1))
_STAGES: Final = tuple(stage.name.lower() for stage in SeedStage)
_BLUEPRINTS: Final = tuple(blueprint.name.lower() for blueprint in Blueprint)

BASE: Final = (
    Feature("epoch", _EPOCHS, "epochs completed", lambda m: m.course.epoch),
    Feature("global_step", _STEPS, "optimizer steps completed", lambda m: m.course.global_step),
    Feature("train_loss", _LOSS, "mean training loss", lambda m: m.course.train_loss),
    Feature("control_loss", _LOSS, "loss on the control split", lambda m: m.course.control_loss),
    Feature("loss_delta", _LOSS_CHANGE, "fall of the control loss", lambda m: m.course.loss_delta),
    Feature("train_accuracy", _ACCURACY, "training accuracy", lambda m: m.course.train_accuracy),
    Feature("control_accuracy", _ACCURACY, "control accuracy", lambda m: m.course.control_accuracy),
    Feature(
        "accuracy_delta", _POINTS, "rise of the control accuracy", lambda m: m.course.accuracy_delta
    ),
    Feature(
        "plateau_epochs", _EPOCHS, "epochs without progress", lambda m: m.course.plateau_epochs
    ),
    Feature("best_accuracy", _ACCURACY, "best control accuracy", lambda m: m.course.best_accuracy),
    Feature("best_loss", _LOSS, "best control loss", lambda m: m.course.best_loss),
    Feature(
        "loss_history",
        _LOSS,
        "the last control losses, oldest first",
        lambda m: m.course.loss_history,
        _HISTORY,
    ),
    Feature(
        "accuracy_history",
        _ACCURACY,
        "the last control accuracies, oldest first",
        lambda m: m.course.accuracy_history,
        _HISTORY,
    ),
    Feature(
        "parameters",
        _GROWTH,
        "how far the network has grown",
        lambda m: m.sizes.parameters / m.sizes.host_parameters,
    ),
    Feature(
        "seed_utilization", _SHARE, "slots that hold a seed", lambda m: m.is_living.mean(axis=1)
    ),
)
"""What belongs to no slot, 23 fields."""

_STAGE = Feature(
    "stage",
    _FLAG,
    "stage of the slot; DORMANT if it is free",
    lambda m: m.stage_one_hot,
    _STAGES,
    needs_seed=False,
)
_ALPHA = Feature("alpha", _SHARE, "influence of the seed now", lambda m: m.seeds.alpha)
# The state of the ramp, which the telemetry block shows once more.
_SCHEDULE = (
    Feature("alpha_target", _SHARE, "alpha the ramp leads to", lambda m: m.seeds.alpha_target),
    Feature("alpha_mode", _MODE, "0 holds, 1 goes up, 2 goes down", lambda m: m.seeds.alpha_mode),
    Feature("steps_total", _RAMP, "length of the ramp", lambda m: m.seeds.steps_total),
    Feature("steps_done", _RAMP, "epochs of it that are over", lambda m: m.seeds.steps_done),
    Feature("steps_left", _RAMP, "epochs to go, 0 when steady", lambda m: m.steps_left),
    Feature("alpha_velocity", _RATE, "mean change in those epochs", lambda m: m.alpha_velocity),
    Feature("algorithm", _ALGORITHM, "1 adds, 2 multiplies, 3 has a gate", lambda m: m.algorithm),
)

SLOT: Final = (
    Feature(
        "active",
        _FLAG,
        "whether the slot is in use, if only to cool down",
        lambda m: m.seeds.stage != FREE,
        needs_seed=False,
    ),
    _STAGE,
    _ALPHA,
    Feature(
        "contribution",
        _POINTS,
        "gain by the seed; the shadow gain in TRAINING",
        lambda m: m.seeds.contribution,
    ),
    Feature(
        "contribution_velocity",
        _POINTS,
        "smoothed change of it per epoch",
        lambda m: m.seeds.contribution_velocity,
    ),
    Feature("tempo", _RAMP, "length of the first ramp", lambda m: m.tempo_epochs),
    *_SCHEDULE,
    Feature(
        "interaction_sum", _POINTS, "sum over the other seeds", lambda m: m.seeds.interaction_sum
    ),
    Feature("boost", _GAIN, "largest positive interaction", lambda m: m.seeds.boost),
    Feature("alpha_upstream", _OTHERS, "alpha of the slots before", lambda m: _sum_before(m.alpha)),
    Feature(
        "alpha_downstream",
        _OTHERS,
        "alpha of the slots behind",
        lambda m: _sum_before(m.alpha[:, ::-1])[:, ::-1],
    ),
    Feature(
        "blueprint",
        _FLAG,
        "what the seed was built from; NOOP without one",
        lambda m: m.blueprint_one_hot,
        _BLUEPRINTS,
        needs_seed=False,
    ),
)
"""What every slot has, 39 fields."""

TELEMETRY: Final = (
    _STAGE,
    Feature(
        "gradient_norm", _GAIN, "norm over the seed's parameters", lambda m: m.seeds.gradient_norm
    ),
    Feature(
        "gradient_health",
        _MEASURED_SHARE,
        "1 if no gradient vanishes or explodes",
        lambda m: m.seeds.gradient_health,
    ),
    Feature(
        "gradient_vanishing",
        _MEASURED_FLAG,
        f"norm below {_VANISHING:g}",
        lambda m: _flag_norm(m, m.seeds.gradient_norm < _VANISHING),
    ),
    Feature(
        "gradient_exploding",
        _MEASURED_FLAG,
        f"norm above {_EXPLODING:g}",
        lambda m: _flag_norm(m, m.seeds.gradient_norm > _EXPLODING),
    ),
    Feature("epochs_in_stage", _EPOCHS, "age of the stage", lambda m: m.seeds.epochs_in_stage),
    Feature(
        "accuracy", _ACCURACY, "control accuracy", lambda m: m.course.control_accuracy[:, None]
    ),
    Feature(
        "improvement",
        _POINTS,
        "rise of the control accuracy since blending began",
        lambda m: m.seeds.improvement_points,
    ),
    _ALPHA,
    Feature("epoch", _EPOCHS, "epochs completed", lambda m: m.course.epoch[:, None]),
    *_SCHEDULE,
)
"""What every slot may have in addition, 26 fields."""

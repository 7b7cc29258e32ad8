"""Surrogates as reports, so that controllers of real hosts can play them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tamiyo.contracts import (
    NEXT_GATES,
    AlphaMode,
    AlphaReport,
    Blueprint,
    GateCheck,
    GateVerdict,
    HostReport,
    PairedDifference,
    SeedReport,
    SeedStage,
    ShapeError,
    SlotReport,
    Style,
    Tempo,
    TrainingSignals,
)
from tamiyo.environment.surrogate.memory import NEVER
from tamiyo.observation import FREE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tamiyo.controller import Controller
    from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv
    from tamiyo.environment.surrogate.world import SurrogateWorld

__all__ = [
    "EpisodeOutcomes",
    "build_host_report",
    "build_signals",
    "play_controllers",
    "play_episode",
]


class EpisodeOutcomes(NamedTuple):
    """What came out of one episode in every environment.

    Attributes:
        score: Score of the committed network, points, ``[N]``.
        host_score: Score of the host had it never grown, points, ``[N]``.
        committed: Blueprints of the fossils, 0 for none, ``[N, S]``.
        parameters: Parameters of the committed network, ``[N]``.
    """

    score: NDArray[np.float64]
    host_score: NDArray[np.float64]
    committed: NDArray[np.int64]
    parameters: NDArray[np.int64]


def play_episode(
    env: SurrogateVectorEnv,
    decide: Callable[[NDArray[np.float32], Mapping[str, Any]], NDArray[np.int64]],
    *,
    seed: int,
) -> EpisodeOutcomes:
    """Play one episode in every environment.

    Args:
        env: The environments.
        decide: Chooses actions ``[N, heads]`` from observations ``[N, F]`` and the step's info.
        seed: Seed of the first environment; the others have the next ones.
    """
    observations, info = env.reset(seed=seed)
    for _ in range(env.config.decision_epochs):
        observations, *_, info = env.step(decide(observations, info))
    end = info.get("final_info", info)
    return EpisodeOutcomes(**{name: end[name] for name in EpisodeOutcomes._fields})


def play_controllers(
    env: SurrogateVectorEnv, controllers: Sequence[Controller], *, seed: int
) -> EpisodeOutcomes:
    """Let controllers play one episode, each in an environment of its own.

    Args:
        env: The environments.
        controllers: One new controller for each.
        seed: Seed of the first environment; the others have the next ones.

    Raises:
        ShapeError: If there is not one controller for each environment.
    """
    if len(controllers) != env.num_envs:
        message = f"controllers must be {env.num_envs}, one per environment, got {len(controllers)}"
        raise ShapeError(message)

    def decide(_observations: object, _info: object) -> NDArray[np.int64]:
        decisions = [
            controller.decide(build_signals(env, row), build_host_report(env, row))
            for row, controller in enumerate(controllers)
        ]
        slot_ids = env.config.slot_ids
        return np.array([decision.to_command().to_action(slot_ids) for decision in decisions])

    return play_episode(env, decide, seed=seed)


def build_host_report(env: SurrogateVectorEnv, environment: int) -> HostReport:
    """Report one host with its slots.

    Args:
        env: The environments.
        environment: Index of the one to report.
    """
    sizes, budget = env.arrays.sizes, env.config.max_parameters
    return HostReport(
        environment=environment,
        epoch=int(env.world.epoch[environment]) + 1,
        host_parameters=env.config.host_parameters,
        parameters=int(sizes.parameters[environment]),
        max_parameters=budget,
        min_prune_age_epochs=env.config.lifecycle.min_prune_age_epochs,
        slots=tuple(
            _build_slot_report(env.world, (environment, slot), slot_id)
            for slot, slot_id in enumerate(env.config.slot_ids)
        ),
    )


def build_signals(env: SurrogateVectorEnv, environment: int) -> TrainingSignals:
    """Report the course of training of one host.

    Args:
        env: The environments.
        environment: Index of the one to report.
    """
    course = {name: array[environment] for name, array in vars(env.arrays.course).items()}
    losses = env.world.tracker.losses
    epoch = int(course["epoch"])
    return TrainingSignals(
        epoch=epoch,
        epochs_left=env.config.decision_epochs - epoch,
        global_step=int(course["global_step"]),
        train_loss=_read(course["train_loss"]),
        control_loss=float(course["control_loss"]),
        control_accuracy=float(course["control_accuracy"]),
        loss_delta=_read(course["loss_delta"]),
        accuracy_delta=_read(course["accuracy_delta"]),
        smoothed_loss=float(losses.smoothed[environment, -1]),
        loss_noise=_read(losses.noise[environment]),
        plateau_epochs=int(course["plateau_epochs"]),
        is_stabilized=bool(losses.is_stabilized[environment]),
        best_accuracy=float(course["best_accuracy"]),
        best_loss=float(course["best_loss"]),
        loss_history=_read_history(course["loss_history"]),
        accuracy_history=_read_history(course["accuracy_history"]),
        train_accuracy=_read(course["train_accuracy"]),
    )


def _build_slot_report(world: SurrogateWorld, at: tuple[int, int], slot_id: str) -> SlotReport:
    lifecycle, sizes = world.lifecycle, world.arrays.sizes
    stage = int(lifecycle.seeds.stage[at])
    cooldown = int(lifecycle.clocks.cooldown_epochs[at])
    offered = zip(Blueprint, sizes.blueprint_parameters[at].tolist(), strict=True)
    return SlotReport(
        slot_id=slot_id,
        stage=None if stage == FREE else SeedStage(stage),
        cooldown_epochs=cooldown,
        seed=_build_seed_report(world, at, slot_id) if lifecycle.has_seed[at] else None,
        blueprint_parameters={blueprint: size for blueprint, size in offered if size >= 0},
        gate_parameters=int(sizes.gate_parameters[at]),
    )


def _build_seed_report(world: SurrogateWorld, at: tuple[int, int], slot_id: str) -> SeedReport:
    lifecycle, sizes = world.lifecycle, world.arrays.sizes
    seed = {name: array[at].item() for name, array in vars(lifecycle.seeds).items()}
    memory = {name: array[at].item() for name, array in vars(lifecycle.memory).items()}
    blueprint = Blueprint(seed["blueprint"])
    gate = int(sizes.gate_parameters[at] * lifecycle.has_gate[at])
    since = memory["epochs_since_counterfactual"]
    return SeedReport(
        seed_id=f"{slot_id}-{lifecycle.clocks.seeds_planted[at]}-{blueprint.name.lower()}",
        blueprint=blueprint,
        style=Style(seed["style"]),
        tempo=Tempo(seed["tempo"]),
        parameters=int(sizes.blueprint_parameters[(*at, blueprint)]) + gate,
        age_epochs=seed["age_epochs"],
        epochs_in_stage=seed["epochs_in_stage"],
        alpha=AlphaReport(
            alpha=seed["alpha"],
            target=seed["alpha_target"],
            mode=AlphaMode(seed["alpha_mode"]),
            steps_total=seed["steps_total"],
            steps_done=seed["steps_done"],
        ),
        gate=_build_verdict(SeedStage(seed["stage"]), passed=seed["gate_passed"]),
        shadow_gain=_build_gain(world, memory["shadow_points"], world.config.noise_points),
        contribution=_build_gain(world, memory["contribution"], memory["contribution_error"]),
        contribution_velocity=_read(seed["contribution_velocity"]),
        epochs_since_counterfactual=None if since == NEVER else since,
        improvement_points=_read(seed["improvement_points"]),
        gradient_norm=_read(seed["gradient_norm"]),
        gradient_health=_read(seed["gradient_health"]),
        previous_gradient_health=_read(memory["previous_gradient_health"]),
    )


def _build_verdict(stage: SeedStage, *, passed: bool) -> GateVerdict | None:
    """Build the verdict on the next stage, with the answer as its only check."""
    gate = NEXT_GATES.get(stage)
    if gate is None:
        return None
    check = GateCheck(name="gate", measured=float(passed), required=1.0, passed=passed)
    return GateVerdict(gate=gate, checks=(check,))


def _build_gain(world: SurrogateWorld, points: float, error: float) -> PairedDifference | None:
    if np.isnan(points):
        return None
    nats = world.nats_per_point
    return PairedDifference(
        points=points, points_error=error, loss=nats * points, loss_error=nats * error
    )


def _read(value: float) -> float | None:
    """Turn a number of an array into one of a report, where ``None`` is not measured."""
    return None if np.isnan(value) else float(value)


def _read_history(history: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(history[~np.isnan(history)].tolist())

"""Judge a trained controller beside simpler ones, on paired episodes it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from tamiyo.contracts import ComparisonRow, ConfigError, derive_seed
from tamiyo.controller import WAIT_ONLY, build_controller
from tamiyo.environment import (
    SurrogateVectorEnv,
    check_boundable,
    compute_clairvoyant,
    decide_by_schedule,
    play_controllers,
    play_episode,
    search_schedule,
    solve,
)
from tamiyo.learning import Specs, check_specs, fit_policy, load_policy, play_episodes
from tamiyo.observation import sample_uniform
from tamiyo.recipes.comparison import Comparison
from tamiyo.recipes.comparison.statistics import Interval, compute_paired_interval
from tamiyo.recipes.learned.config import SURROGATE, TINY, build_env, find_surrogate
from tamiyo.recipes.learned.on_task import LEARNED, compare_on_task
from tamiyo.recipes.learned.train import load_training

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tamiyo.environment import EpisodeOutcomes, SchedulePlans, SurrogateConfig
    from tamiyo.learning import LearnedPolicy
    from tamiyo.recipes.learned.config import TrainConfig

__all__ = ["LEARNED", "Played", "evaluate_controller", "evaluate_policy", "play_baselines"]

_SAMPLED: Final = "learned, sampled"
_RANDOM: Final = "random-legal"
_SCHEDULE: Final = "best schedule"
_HEURISTIC: Final = "heuristic"
_CLAIRVOYANT: Final = "clairvoyant"
_OPTIMUM: Final = "exact optimum"
_FEWEST_SEEDS: Final = 2
_MOST_SEEDS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Played:
    """One way to decide, episode by episode; ``None`` for what it does not have.

    Attributes:
        scores: Scores or returns, ``[N]``.
        accuracies: Accuracy of the committed networks, points, ``[N]``.
        parameters: Their parameters, ``[N]``.
        fossils: Their committed seeds, ``[N]``.
    """

    scores: NDArray[np.float64]
    accuracies: NDArray[np.float64] | None = None
    parameters: NDArray[np.int64] | None = None
    fossils: NDArray[np.int64] | None = None


def evaluate_controller(
    path: Path,
    *,
    seeds: int,
    first_seed: int = 0,
    slots: int | None = None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Comparison:
    """Judge the controller of a training run.

    On the surrogate it stands beside what the environment offers to measure it by: wait-only,
    random-legal, the best of many fixed schedules, the heuristic, and a bound that knows every
    episode's hidden numbers, left out where it would take too long. On a task they grow its
    hosts, beside networks that never grew, and are judged on the
    test split. Elsewhere a score is the sum of rewards of an episode.

    Args:
        path: The run's folder.
        seeds: Episodes, at least 2, the same for every row.
        first_seed: Seed of the first one, at least 0.
        slots: Slots of the hosts it is judged on; by default those it was trained on.
        on_progress: Told the share of the work that is over, in (0, 1].

    Returns:
        Rows like those of a comparison of controllers on a task; the reference comes first.

    Raises:
        ArtifactError: If the folder holds no training, no checkpoint yet, or the checkpoint of a
            policy for something else.
        ConfigError: If there are fewer than two seeds, or other slots where these cannot change.
    """
    _check_episodes(seeds, first_seed)
    config, folder = load_training(path)
    if slots is not None:
        config = _change_slots(config, slots)
    if config.task is not None:
        return compare_on_task(
            config, folder, seeds=seeds, first_seed=first_seed, on_progress=on_progress
        )
    policy = load_policy(folder.checkpoint)
    probe = build_env(config, num_envs=1)
    if slots is not None:
        policy = fit_policy(policy, probe)
    check_specs(policy.specs, Specs.read(probe))
    family = find_surrogate(config)
    if family is None:
        env = build_env(config, num_envs=min(seeds, config.envs))
        played = {
            name: Played(
                scores=play_episodes(
                    policy, env, episodes=seeds, seed=first_seed, deterministic=name == LEARNED
                )
            )
            for name in (_SAMPLED, LEARNED)
        }
        return _compare(config.problem, _SAMPLED, played, first_seed, epochs=None)
    plan = search_schedule(
        family, seed=derive_seed(config.seed, 0, _SCHEDULE), on_progress=on_progress
    )
    played = play_baselines(family, plan, episodes=seeds, seed=first_seed)
    bound = played.pop(_CLAIRVOYANT, None)
    if config.env == TINY:
        played[_OPTIMUM] = _play_optimum(family, episodes=seeds, seed=first_seed)
    for name in (LEARNED, _SAMPLED):
        played[name] = evaluate_policy(
            policy, family, episodes=seeds, seed=first_seed, deterministic=name == LEARNED
        )
    if bound is not None:
        played[_CLAIRVOYANT] = bound
    comparison = _compare(config.env, WAIT_ONLY, played, first_seed, epochs=family.max_epochs)
    return replace(comparison, skipped=_explain_skipped(family))


def play_baselines(
    family: SurrogateConfig, plan: SchedulePlans, *, episodes: int, seed: int
) -> dict[str, Played]:
    """Play what a learned controller is measured by.

    Args:
        family: The synthetic hosts.
        plan: The schedule to play, P = 1.
        episodes: Number of episodes.
        seed: Seed of the first one.

    Returns:
        Name to what it came to, wait-only first, the bound last unless it would take too long.
    """
    env = SurrogateVectorEnv(episodes, family)
    spec = env.action_spec
    rng = np.random.default_rng(derive_seed(seed, 0, _RANDOM))
    plans = plan.take(np.zeros(episodes, np.int64))
    neutral = np.tile([head.neutral for head in spec.heads], (episodes, 1))

    def play(decide: Callable[[NDArray[np.bool_]], NDArray[np.int64]]) -> Played:
        outcomes = play_episode(
            env, lambda _observations, info: decide(info["action_mask_by_op"]), seed=seed
        )
        return _weigh(outcomes, family)

    heuristics = [build_controller(_HEURISTIC) for _ in range(episodes)]
    played = {
        WAIT_ONLY: play(lambda _masks: neutral),
        _RANDOM: play(lambda masks: sample_uniform(spec, masks, rng)),
        _SCHEDULE: play(lambda masks: decide_by_schedule(plans, env.arrays, spec, masks)),
        _HEURISTIC: _weigh(play_controllers(env, heuristics, seed=seed), family),
    }
    if _explain_skipped(family):
        return played
    env.reset(seed=seed)
    gain = compute_clairvoyant(family, env.world.draws).gain
    return {**played, _CLAIRVOYANT: Played(scores=env.world.compute_host_score() + gain)}


def evaluate_policy(
    policy: LearnedPolicy,
    family: SurrogateConfig,
    *,
    episodes: int,
    seed: int,
    deterministic: bool,
) -> Played:
    """Play episodes of the surrogate with a learned policy.

    Args:
        policy: The policy.
        family: The synthetic hosts.
        episodes: Number of episodes.
        seed: Seed of the first one.
        deterministic: Take the most probable choices instead of drawing them.

    Raises:
        ArtifactError: If the policy was trained for other observations or actions.
    """
    env = SurrogateVectorEnv(episodes, family)
    check_specs(policy.specs, Specs.read(env))
    generator = torch.Generator().manual_seed(derive_seed(seed, 0, "actions"))
    state = policy.network.initial_state(episodes)

    def decide(observations: NDArray[np.float32], info: Mapping[str, Any]) -> NDArray[np.int64]:
        nonlocal state
        actions, state = policy.act(
            observations,
            info["action_mask_by_op"],
            state,
            deterministic=deterministic,
            generator=generator,
        )
        return actions

    return _weigh(play_episode(env, decide, seed=seed), family)


def _check_episodes(seeds: int, first_seed: int) -> None:
    """Refuse episodes that there are not, or that leave nothing to compare.

    Raises:
        ConfigError: If they are such.
    """
    if not _FEWEST_SEEDS <= seeds <= _MOST_SEEDS:
        rule = f"least {_FEWEST_SEEDS}" if seeds < _FEWEST_SEEDS else f"most {_MOST_SEEDS}"
        message = f"seeds must be at {rule}, got {seeds}"
        raise ConfigError(message)
    if first_seed < 0:
        message = f"first_seed must be at least 0, got {first_seed}"
        raise ConfigError(message)


def _change_slots(config: TrainConfig, slots: int) -> TrainConfig:
    """Return the run on hosts with so many slots.

    Raises:
        ConfigError: If its environment has no slots, or a fixed number of them.
    """
    if config.problem != SURROGATE:
        message = f"slots must be left as they are but for env {SURROGATE}, got {config.problem}"
        raise ConfigError(message)
    return replace(config, surrogate=replace(config.surrogate, slots=slots))


def _explain_skipped(family: SurrogateConfig) -> dict[str, str]:
    try:
        check_boundable(family)
    except ConfigError as reason:
        return {_CLAIRVOYANT: str(reason)}
    return {}


def _play_optimum(family: SurrogateConfig, *, episodes: int, seed: int) -> Played:
    """Play what no controller that sees the same can beat on average."""
    optimum = solve(family)
    seen: list[NDArray[np.float32]] = []

    def decide(observations: NDArray[np.float32], _info: object) -> NDArray[np.int64]:
        seen.append(observations)
        return optimum.decide(np.stack(seen, axis=1))

    return _weigh(play_episode(SurrogateVectorEnv(episodes, family), decide, seed=seed), family)


def _weigh(outcomes: EpisodeOutcomes, family: SurrogateConfig) -> Played:
    """Take rent off the scores again, for the accuracies."""
    rent = family.rent_points * np.log(outcomes.parameters / family.host_parameters)
    return Played(
        scores=outcomes.score,
        accuracies=outcomes.score + rent,
        parameters=outcomes.parameters,
        fossils=(outcomes.committed > 0).sum(1),
    )


def _compare(
    task: str,
    reference: str,
    played: Mapping[str, Played],
    first_seed: int,
    *,
    epochs: float | None,
) -> Comparison:
    base, learned = played[reference].scores, played[LEARNED].scores
    rows = []
    for name, one in played.items():
        interval = _interval(one.scores, base)
        rows.append(
            ComparisonRow(
                name=name,
                score=fmean(one.scores),
                difference=interval.mean,
                low=interval.low,
                high=interval.high,
                test_accuracy=None if one.accuracies is None else fmean(one.accuracies),
                parameters=None if one.parameters is None else fmean(one.parameters),
                multiply_adds=None,
                epochs=epochs,
                fossils=None if one.fossils is None else float(median(one.fossils.tolist())),
            )
        )
    others = {name: one.scores for name, one in played.items() if name not in {LEARNED, reference}}
    return Comparison(
        task=task,
        reference=reference,
        grown=LEARNED,
        seeds=tuple(range(first_seed, first_seed + len(base))),
        engine=None,
        rows=tuple(rows),
        leads={name: _interval(learned, scores) for name, scores in others.items()},
        scores={name: tuple(one.scores.tolist()) for name, one in played.items()},
    )


def _interval(scores: NDArray[np.float64], reference: NDArray[np.float64]) -> Interval:
    return compute_paired_interval(scores.tolist(), reference.tolist(), seed=0)

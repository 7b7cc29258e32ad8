"""HostVectorEnv: many real hosts in lockstep, as Gymnasium sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tamiyo.contracts import ConfigError, NullSink, ShapeError, derive_seed
from tamiyo.environment.changing import change_config
from tamiyo.environment.growth import GrowthVectorEnv
from tamiyo.environment.hosts.cohort import Cohort
from tamiyo.environment.hosts.config import HostEnvConfig
from tamiyo.environment.hosts.recording import EpisodeRecorder
from tamiyo.environment.hosts.saving import join_cohorts, split_cohorts
from tamiyo.environment.hosts.sources import PopulationSource
from tamiyo.observation import (
    canonicalize_actions,
    compute_action_masks,
    gather_arrays,
    is_allowed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamiyo.contracts import EventSink
    from tamiyo.environment.hosts.cohort import EpisodeEnd, StepOutcome
    from tamiyo.environment.hosts.course import HostCourse
    from tamiyo.observation import HostArrays

__all__ = ["HostVectorEnv"]

_Observations: TypeAlias = NDArray[np.float32]
_Integers: TypeAlias = NDArray[np.int64]
_Bools: TypeAlias = NDArray[np.bool_]
_Info: TypeAlias = dict[str, Any]


class HostVectorEnv(GrowthVectorEnv):
    """Hosts that train side by side; one step is one decision and one epoch for each.

    An episode is one host, from its first epoch to the end of the closing ones, which belong to the
    last step. It terminates after the task's decisions, or where its training diverges. The first
    episode of an environment reset with seed ``s`` trains the host of ``tamiyo grow --seed s``.

    Environments of a group (``config.group_size`` in a row) take the seed of the group's first.
    Apart from the baseline of a group, what happens in one depends on its own seed alone.

    Args:
        num_envs: Environments, N, a multiple of the group's size.
        config: What the episodes are like; the default ones if not given.
        workers: Processes that train the hosts; results do not depend on it.
        autoreset_mode: SAME_STEP begins a new episode in the step that ends one; DISABLED leaves
            that to ``reset``.

    Raises:
        ConfigError: If a number is outside its range, the mode is another one, or the engine cannot
            train the hosts.

    Attributes:
        config: What the episodes are like.
        action_spec: The heads of the action.
        observation_spec: Where in an observation the slots lie.
        encoder: Makes the observations and counts what it cuts.
    """

    def __init__(
        self,
        num_envs: int = 1,
        config: HostEnvConfig | None = None,
        *,
        workers: int = 1,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        **changes: object,
    ) -> None:
        self.config = config = change_config(config or HostEnvConfig(), changes)
        _check_sizes(num_envs, workers, config.group_size)
        task = config.build_task()
        super().__init__(
            num_envs,
            tuple(task.slots),
            task.config,
            telemetry=config.telemetry,
            autoreset_mode=autoreset_mode,
        )
        self._source = PopulationSource(config, workers=workers)
        self._seeds = np.zeros(num_envs, np.int64)
        self._episodes = np.full(num_envs, -1, np.int64)
        self._courses: list[HostCourse | None] = [None] * num_envs
        self._cohorts: list[Cohort] = []
        self._shown = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.bool_)
        self._fresh = np.random.default_rng()
        self._recorder = self.record(NullSink(), 0)

    def record(self, sink: EventSink, environments: int) -> EpisodeRecorder:
        """Tell a sink of the first environments, from the episodes on that begin next.

        Args:
            sink: Where events go, after every step, environment by environment.
            environments: How many; all if there are fewer.

        Returns:
            The recorder, which a learner may let hear what it thinks of its decisions.
        """
        self._recorder = EpisodeRecorder(
            sink,
            range(min(environments, self.num_envs)),
            task=self.config.task_config,
            layout=self.encoder.layout,
            slot_ids=self.action_spec.heads[1].choices,
        )
        return self._recorder

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[_Observations, _Info]:
        """Begin new episodes.

        Args:
            seed: Seed of the first environment, the others have the next ones; or one for each,
                ``None`` where the episodes of an earlier seed go on. Environments never seeded take
                fresh entropy.
            options: ``reset_mask``, bool ``[N]``, says which environments begin anew.

        Returns:
            Observations ``[N, F]``, float32, and the masks: ``action_mask`` ``[N, sum(nvec)]`` and
            ``action_mask_by_op`` ``[N, mask_size]``, bool.

        Raises:
            ShapeError: If there is not one seed or flag for each environment.
        """
        seeds, chosen = self._read_reset(seed, options)
        for row in np.flatnonzero(chosen).tolist():
            own_seed = seeds[row]
            if own_seed is not None:
                self._seeds[row], self._episodes[row] = own_seed, -1
            elif self._courses[row] is None:
                self._seeds[row] = self._fresh.integers(2**62)
        self._begin(chosen)
        return self._observe()

    def step(
        self, actions: _Integers
    ) -> tuple[_Observations, NDArray[np.float64], _Bools, _Bools, _Info]:
        """Carry out an action in every environment and train every host for one epoch.

        Args:
            actions: One index per head, ``[N, heads]``; what stands in a head that the op does not
                use is ignored. An illegal action becomes WAIT.

        Returns:
            Observations ``[N, F]``, float32; rewards, points, ``[N]``; terminated and truncated
            ``[N]``; and the masks with ``action_valid`` ``[N]`` and ``reward_parts`` ``[N, parts]``
            in the order of :class:`~tamiyo.contracts.RewardParts`. Where episodes ended,
            ``final_obs`` ``[N, F]`` and ``final_info`` hold their last observation and masks, with
            ``score`` and ``host_score`` (of the wait-only twin, NaN without one), points on the
            control split, ``parameters`` of the committed network, ``committed`` (blueprints of the
            fossils, 0 for none, ``[N, S]``) and ``diverged``; without autoreset those stand in the
            info itself.

        Raises:
            ShapeError: If the actions have another shape.
            ConfigError: If an episode is over or has not begun.
        """
        actions = self._check_actions(actions)
        valid = is_allowed(self.action_spec, self._masks, actions)
        legal = canonicalize_actions(self.action_spec, np.where(valid[:, None], actions, 0))
        seeds = {row: cohort.seeds[row] for cohort in self._cohorts for row in cohort.courses}
        self._recorder.begin_step(self._courses, seeds, self._episodes, self._shown)
        outcomes: dict[int, StepOutcome] = {}
        for cohort in self._cohorts:
            outcomes |= cohort.step(legal[list(cohort.seeds)])
        events = [event for cohort in self._cohorts for event in cohort.take_events()]
        self._recorder.finish_step(self._courses, events, outcomes)
        parts = np.array([list(vars(outcomes[row].parts).values()) for row in range(self.num_envs)])
        rewards = np.array([outcomes[row].parts.total for row in range(self.num_envs)])
        ends = {row: outcome.end for row, outcome in outcomes.items() if outcome.end is not None}
        terminated = np.isin(np.arange(self.num_envs), list(ends))
        observations, info = self._observe()
        info |= {"action_valid": valid, "reward_parts": parts}
        if ends:
            info |= _describe_ends(ends, self.num_envs, self.observation_spec.slots)
            self._leave(terminated)
            observations, info = self._begin_anew(
                terminated, observations, info, kept=("action_valid", "reward_parts")
            )
        return observations, rewards, terminated, np.zeros_like(terminated), info

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return all that the running episodes and later ones depend on: seeds and decisions.

        Raises:
            ConfigError: If an episode is over or has not begun.
        """
        self._check_running("state_dict")
        return {
            "seeds": self._seeds.copy(),
            "episodes": self._episodes.copy(),
            **{name: array.copy() for name, array in self.encoder.counts.items()},
            **self._recorder.state_dict(),
            **join_cohorts(self._cohorts, len(self.action_spec.heads)),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another one of the same configuration and number of environments stood.

        The episodes that ran are trained again up to that point, decision by decision.

        Args:
            state: What its :meth:`state_dict` returned.

        Raises:
            ShapeError: If an array is missing or of another number of environments.
        """
        wanted = {"seeds", "episodes", *self.encoder.counts, *self._recorder.state_dict()}
        if not wanted <= state.keys() or len(state["seeds"]) != self.num_envs:
            got = ", ".join(f"{name} {list(array.shape)}" for name, array in sorted(state.items()))
            message = f"state must be of {self.num_envs} hosts, got {got}"
            raise ShapeError(message)
        self._drop_cohorts()
        self._seeds, self._episodes = state["seeds"].copy(), state["episodes"].copy()
        for saved in split_cohorts(state):
            saved.replay(self._open(saved.seeds))
        self._observe()
        self._recorder.load_state_dict(state)
        for name, array in self.encoder.counts.items():
            array[...] = state[name]
        self._is_running[:] = True

    def metrics(self) -> dict[str, float]:
        """Return means over the steps and the episodes that ended since the last reset of counts.

        Reward parts are sums per episode length; ``gain_points`` is the score less that of the
        wait-only twin, only known with twins.
        """
        return self._recorder.metrics.compute()

    def reset_counts(self) -> None:
        """Begin to count anew what is cut and what episodes came to."""
        super().reset_counts()
        self._recorder.reset_metrics()

    def close_extras(self, **_keywords: object) -> None:
        """End the processes that train hosts."""
        self._drop_cohorts()
        self._source.close()

    def _begin(self, environments: _Bools) -> None:
        """Begin the next episode of some environments, together."""
        rows = np.flatnonzero(environments)
        self._leave(environments)
        self._episodes[rows] += 1
        first = rows - rows % self.config.group_size
        pairs = zip(self._seeds[first].tolist(), self._episodes[first].tolist(), strict=True)
        seeds = [
            seed if count == 0 else derive_seed(seed, count, "episode") for seed, count in pairs
        ]
        self._open(dict(zip(rows.tolist(), seeds, strict=True)))
        self._is_running |= environments

    def _open(self, seeds: Mapping[int, int]) -> Cohort:
        cohort = Cohort(self.config, seeds, self._source.open, told=self._recorder.rows)
        for row, course in cohort.courses.items():
            self._courses[row] = course
        self._cohorts.append(cohort)
        return cohort

    def _leave(self, environments: _Bools) -> None:
        """Take environments out of their cohorts, and close those that nobody is left in."""
        rows = np.flatnonzero(environments).tolist()
        self._is_running &= ~environments
        for cohort in self._cohorts:
            cohort.drop(rows)
            if not cohort.courses:
                cohort.close()
        self._cohorts = [cohort for cohort in self._cohorts if cohort.courses]

    def _drop_cohorts(self) -> None:
        self._leave(np.ones(self.num_envs, np.bool_))

    def _gather(self) -> HostArrays:
        courses = [course for course in self._courses if course is not None]
        hosts = [course.latest.host for course in courses]
        return gather_arrays(hosts, [course.signals for course in courses])

    def _observe(self) -> tuple[_Observations, _Info]:
        arrays = self._gather()
        self._masks = compute_action_masks(arrays, self.action_spec)
        info = {"action_mask": self.action_masks(), "action_mask_by_op": self._masks}
        self._shown = self.encoder.encode(arrays), self.encoder.unknown
        return self._shown[0], info


def _describe_ends(ends: Mapping[int, EpisodeEnd], count: int, slots: int) -> _Info:
    """Return what is told of episodes that ended; NaN, 0 or false for the others."""
    told: _Info = {
        "score": np.full(count, np.nan),
        "host_score": np.full(count, np.nan),
        "parameters": np.zeros(count, np.int64),
        "committed": np.zeros((count, slots), np.int64),
        "diverged": np.zeros(count, np.bool_),
    }
    for row, end in ends.items():
        for name, array in told.items():
            value = getattr(end, name)
            array[row] = np.nan if value is None else value
    return told


def _check_sizes(num_envs: int, workers: int, group_size: int) -> None:
    """Refuse numbers of environments and processes that do not go together.

    Raises:
        ConfigError: If they do not.
    """
    for name, value in (("num_envs", num_envs), ("workers", workers)):
        if value < 1:
            message = f"{name} must be at least 1, got {value}"
            raise ConfigError(message)
    if num_envs % group_size:
        message = f"num_envs must be a multiple of group_size {group_size}, got {num_envs}"
        raise ConfigError(message)

"""Learn for a few rounds, with a witness between learner and world."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium.vector import VectorWrapper

from tamiyo.checks.evidence.records import Rehearsal, Round
from tamiyo.learning import Rollout, Trainer

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv
    from numpy.typing import NDArray

    from tamiyo.learning import LearnedPolicy, TrainerConfig

__all__ = ["rehearse"]

_ROUNDS: Final = 2
_TAG: Final = 1e-3


class _Witness(VectorWrapper[Any, Any, Any]):
    """Notes what passes between learner and environments, apart from either.

    It adds a number of its own to every reward: rewards that are mostly 0 would not tell one row
    from another.

    Attributes:
        shown: Observations, the first one before any step.
        masks: Flat conditional masks likewise; none where the environments give none.
        sent: Actions.
        paid: Rewards.
        ended: What was said of ends.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self.shown: list[NDArray[Any]] = []
        self.masks: list[NDArray[np.bool_]] = []
        self.sent: list[NDArray[Any]] = []
        self.paid: list[NDArray[Any]] = []
        self.ended: list[NDArray[np.bool_]] = []

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin, and note what is shown."""
        shown, info = self.env.reset(seed=seed, options=options)
        self._note(shown, info)
        return shown, info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Step, and note what was sent and came back."""
        self.sent.append(np.array(actions))
        shown, paid, terminated, truncated, info = self.env.step(actions)
        paid = np.array(paid) + _TAG * (len(self.paid) * self.num_envs + np.arange(self.num_envs))
        self.paid.append(paid)
        self.ended.append(np.array(terminated))
        self._note(shown, info)
        return shown, paid, terminated, truncated, info

    def _note(self, shown: NDArray[Any], info: dict[str, Any]) -> None:
        self.shown.append(np.array(shown, np.float32))
        if "action_mask_by_op" in info:
            self.masks.append(np.array(info["action_mask_by_op"]))


def rehearse(
    env: VectorEnv[Any, Any, Any],
    config: TrainerConfig,
    *,
    steps: int,
    seed: int,
    start: LearnedPolicy | None = None,
) -> Rehearsal:
    """Learn for two rounds.

    Args:
        env: Environments in lockstep that begin new episodes in the step that ends one.
        config: How to learn.
        steps: Steps of a rollout; best no divisor of an episode, so that rollouts cut some.
        seed: Seed of everything random.
        start: A policy to begin with; a new one if not given.
    """
    witness = _Witness(env)
    total = 4 * _ROUNDS * steps * env.num_envs
    trainer = Trainer(witness, replace(config, rollout_steps=steps, total_steps=total), seed=seed)
    if start is not None:
        trainer.start_from(start)
    rounds = []
    for number in range(_ROUNDS):
        policy = trainer.policy
        report = trainer.update()
        assert report is not None, "nobody stops it"
        span = slice(number * steps, (number + 1) * steps)
        seen = slice(span.start, span.stop + 1)
        held = trainer.buffer.rollout
        rollout = Rollout(**{part.name: getattr(held, part.name).clone() for part in fields(held)})
        rounds.append(
            Round(
                policy=policy,
                rollout=rollout,
                observations=np.stack(witness.shown[seen]),
                masks=np.stack(witness.masks[seen]) if witness.masks else rollout.masks.numpy(),
                actions=np.stack(witness.sent[span]).reshape(*rollout.actions.shape),
                rewards=np.stack(witness.paid[span]),
                terminated=np.stack(witness.ended[span]),
                report=report,
            )
        )
    return Rehearsal(
        rounds=tuple(rounds),
        after=trainer.policy,
        ppo=config.ppo,
        normalizes=config.normalize_observations,
    )

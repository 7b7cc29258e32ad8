"""The learned policy: a recurrent actor-critic with masks and several heads; knows no host."""

from __future__ import annotations

from tamiyo.policy.network import (
    ActorCritic,
    ActResult,
    ConditionalEntropies,
    Evaluation,
    NetworkConfig,
)

__all__ = ["ActResult", "ActorCritic", "ConditionalEntropies", "Evaluation", "NetworkConfig"]

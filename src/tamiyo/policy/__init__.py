"""The learned policy: a recurrent actor-critic with masks and several heads; knows no host."""

from __future__ import annotations

from tamiyo.policy.network import (
    ActorCritic,
    ActResult,
    ConditionalEntropies,
    Evaluation,
    NetworkConfig,
)
from tamiyo.policy.opinion import name_probabilities
from tamiyo.policy.trace import ActionTrace

__all__ = [
    "ActResult",
    "ActionTrace",
    "ActorCritic",
    "ConditionalEntropies",
    "Evaluation",
    "NetworkConfig",
    "name_probabilities",
]

"""What a policy was made for: the heads of its actions and the layout of its observations."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tamiyo.contracts import (
    ActionSpec,
    ArtifactError,
    ObservationSpec,
    decode_record,
    decoding,
    encode_record,
)
from tamiyo.learning.lockstep import Lockstep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gymnasium.vector import VectorEnv

__all__ = ["Specs", "check_specs", "leave_out_slots"]


class Specs(NamedTuple):
    """What a policy was made for.

    Attributes:
        actions: Heads of an action.
        observation: Layout of an observation.
    """

    actions: ActionSpec
    observation: ObservationSpec

    def encode(self) -> dict[str, Any]:
        """Turn them into JSON values, the same for equal ones."""
        used_when = [sorted(names) for names in self.actions.used_when]
        return {
            "actions": {**encode_record(self.actions), "used_when": used_when},
            "observation": encode_record(self.observation),
        }

    @classmethod
    def read(cls, env: VectorEnv[Any, Any, Any]) -> Specs:
        """Read them from environments.

        Raises:
            ConfigError: If the environments cannot be worked with.
        """
        lockstep = Lockstep(env)
        return cls(lockstep.action_spec, lockstep.observation_spec)

    @classmethod
    def decode(cls, encoded: Mapping[str, Any]) -> Specs:
        """Build them from what :meth:`encode` returned.

        Raises:
            ArtifactError: If it is something else.
            ConfigError: If heads, slots and sizes do not fit each other.
        """
        with decoding("specifications of a policy"):
            return cls(
                decode_record(ActionSpec, encoded["actions"]),
                decode_record(ObservationSpec, encoded["observation"]),
            )

    def __str__(self) -> str:
        digest = hashlib.sha256(json.dumps(self.encode(), sort_keys=True).encode()).hexdigest()
        pairs = zip(self.actions.names, self.actions.nvec, strict=True)
        heads = ", ".join(f"{name} of {size}" for name, size in pairs)
        observation = self.observation
        return f"layout {observation.version} ({observation.size}) with {heads} [{digest[:8]}]"


def check_specs(wanted: Specs, got: Specs) -> None:
    """Refuse a policy for other observations or actions than there are.

    Args:
        wanted: Those of the policy.
        got: Those of the environments.

    Raises:
        ArtifactError: If they differ; names both.
    """
    if wanted != got:
        message = f"environment must have the policy's {wanted}, got {got}"
        if leave_out_slots(wanted) == leave_out_slots(got):
            message += ": fit_policy, or evaluate --slots, takes it to another number of slots"
        raise ArtifactError(message)


def leave_out_slots(specs: Specs) -> dict[str, Any]:
    """Encode what remains of specifications when nobody knows how many slots there are."""
    encoded = specs.encode()
    observation = encoded["observation"]
    if specs.observation.slot_head is not None:
        observation["size"] = len(specs.observation.base_indices)
        observation["slots"] = 0
        observation["slot_blocks"] = [block.size for block in specs.observation.slot_blocks]
        for head in encoded["actions"]["heads"]:
            if head["name"] == specs.observation.slot_head:
                head["choices"] = []
    return encoded

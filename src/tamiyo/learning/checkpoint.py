"""A checkpoint and the policy in it: tensors in safetensors form, JSON in their header, no pickle.

One file, so that a checkpoint is whole or not there. Its form is described at
https://huggingface.co/docs/safetensors/index#format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tamiyo.contracts import (
    ActionSpec,
    AdvantageReport,
    ArtifactError,
    HeadReport,
    HeadSpec,
    ObservationSpec,
    OpReport,
    PolicyReport,
    RolloutReport,
    SlotBlock,
    UpdateReport,
    ValueReport,
    decode_record,
    encode_record,
)
from tamiyo.learning.lockstep import Lockstep
from tamiyo.learning.normalizers import ObservationNormalizer, ValueScale
from tamiyo.policy import ActorCritic, NetworkConfig

if TYPE_CHECKING:
    import numpy as np
    from gymnasium.vector import VectorEnv
    from numpy.typing import NDArray

    from tamiyo.policy import ActResult

__all__ = [
    "Checkpoint",
    "LearnedPolicy",
    "Specs",
    "check_specs",
    "check_training",
    "decode_report",
    "encode_policy",
    "load_policy",
]

_FORMAT: Final = "tamiyo-checkpoint-1"
_HEADER: Final = "tamiyo"


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
        """Build them from what :meth:`encode` returned."""
        heads = tuple(
            HeadSpec(
                name=head["name"],
                choices=tuple(head["choices"]),
                parents=tuple(head["parents"]),
                neutral=head["neutral"],
            )
            for head in encoded["actions"]["heads"]
        )
        used_when = tuple(frozenset(names) for names in encoded["actions"]["used_when"])
        observation = dict(encoded["observation"])
        blocks = tuple(SlotBlock(**block) for block in observation.pop("slot_blocks"))
        return cls(
            ActionSpec(heads=heads, used_when=used_when),
            ObservationSpec(slot_blocks=blocks, **observation),
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
        if _leave_out_slots(wanted) == _leave_out_slots(got):
            message += ": fit_policy, or evaluate --slots, takes it to another number of slots"
        raise ArtifactError(message)


def _leave_out_slots(specs: Specs) -> dict[str, Any]:
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


def check_training(checkpoint: Checkpoint, wanted: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that a run cannot go on from.

    Args:
        checkpoint: The checkpoint.
        wanted: What it must say of its run, as JSON values; what an earlier version did not save
            yet is not compared.

    Raises:
        ArtifactError: If it holds a policy alone, or is of another run; names both values.
    """
    if "trainer" not in checkpoint.groups:
        held = ", ".join(sorted(checkpoint.groups))
        message = f"checkpoint must hold a whole training to go on with, got {held} alone"
        raise ArtifactError(message)
    _check_equal(wanted, checkpoint.facts, "")


def _check_equal(wanted: object, got: object, name: str) -> None:
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for key, value in wanted.items():
            if key in got:
                _check_equal(value, got[key], f"{name}.{key}".lstrip("."))
    elif wanted != got:
        message = f"checkpoint must have {name} {wanted} as this run does, got {got}"
        raise ArtifactError(message)


def decode_report(encoded: Mapping[str, Any]) -> UpdateReport:
    """Build a report from what ``encode_record`` made of it."""
    return UpdateReport(
        update=encoded["update"],
        steps=encoded["steps"],
        rollout=RolloutReport(**encoded["rollout"]),
        policy=PolicyReport(**encoded["policy"]),
        value=ValueReport(**encoded["value"]),
        advantages=AdvantageReport(**encoded["advantages"]),
        heads={name: HeadReport(**head) for name, head in encoded["heads"].items()},
        ops={name: OpReport(**op) for name, op in encoded["ops"].items()},
        alarms=tuple(encoded["alarms"]),
    )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that training depends on.

    Attributes:
        groups: Name of a part to its tensors by name.
        facts: All else, as JSON values.
    """

    groups: Mapping[str, Mapping[str, Tensor]]
    facts: Mapping[str, Any]

    def encode(self) -> bytes:
        """Turn it into the content of a file, the same for equal checkpoints."""
        tensors = {
            # Cloned, since safetensors refuses tensors that share memory.
            f"{group}/{name}": tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for group, parts in self.groups.items()
            for name, tensor in parts.items()
        }
        return save(tensors, {_HEADER: json.dumps({"format": _FORMAT, **self.facts})})

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """Read what :meth:`encode` made.

        Args:
            path: The file.

        Raises:
            ArtifactError: If it is missing, truncated, no checkpoint, or one of another format.
        """
        try:
            content = Path(path).read_bytes()
            tensors = load(content)
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length])
            facts = json.loads(header.get("__metadata__", {}).get(_HEADER, "{}"))
        except (OSError, SafetensorError, ValueError) as error:
            message = f"checkpoint must be a whole file of tensors, got {path}: {error}"
            raise ArtifactError(message) from None
        if facts.get("format") != _FORMAT:
            message = f"checkpoint must be of format {_FORMAT}, got {facts.get('format')}: {path}"
            raise ArtifactError(message)
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            group, _, part = name.partition("/")
            groups.setdefault(group, {})[part] = tensor
        return cls(groups=groups, facts=facts)


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnedPolicy:
    """A policy that no longer changes.

    Attributes:
        network: The network.
        normalizer: Brings observations to the scale the network knows; its statistics are fixed.
        specs: What it was made for.
        episode_length: Steps of every episode it was trained on; ``None`` if they differed.
        value_scale: What its values are in raw rewards; ``None`` if the file does not say.
    """

    network: ActorCritic
    normalizer: ObservationNormalizer
    specs: Specs
    episode_length: int | None = None
    value_scale: ValueScale | None = None

    def act(
        self,
        observations: NDArray[np.float32],
        masks: NDArray[np.bool_],
        state: Tensor,
        *,
        deterministic: bool,
        generator: torch.Generator,
    ) -> tuple[NDArray[np.int64], Tensor]:
        """Choose an action in every environment.

        Args:
            observations: Raw, ``[N, F]``.
            masks: Flat conditional masks, ``[N, M]``.
            state: From ``network.initial_state`` at the start of an episode, then from here.
            deterministic: Take the most probable choices instead of drawing them.
            generator: Source of the draws.

        Returns:
            Index per head, ``[N, H]``, and the state after the step.
        """
        result = self.choose(
            observations, masks, state, deterministic=deterministic, generator=generator
        )
        return result.actions.numpy(), result.state

    def choose(
        self,
        observations: NDArray[np.float32],
        masks: NDArray[np.bool_],
        state: Tensor,
        *,
        deterministic: bool,
        generator: torch.Generator,
    ) -> ActResult:
        """Do the same, and tell how probable the choices were.

        Args:
            observations: As for :meth:`act`, like all others.
            masks: Flat conditional masks, ``[N, M]``.
            state: From ``network.initial_state`` at the start of an episode, then from here.
            deterministic: Take the most probable choices instead of drawing them.
            generator: Source of the draws.
        """
        return self.network.act(
            self.normalizer.normalize(torch.from_numpy(observations)),
            torch.from_numpy(masks),
            state,
            deterministic=deterministic,
            generator=generator,
            explained=len(observations),
        )

    def fit(self, specs: Specs) -> LearnedPolicy:
        """Return this policy for another number of slots; nothing it learned depends on that.

        Args:
            specs: What it is to be for.

        Raises:
            ArtifactError: If they differ in more than the number of slots.
        """
        if _leave_out_slots(specs) != _leave_out_slots(self.specs):
            check_specs(self.specs, specs)
        network, normalizer = _build_parts(
            specs,
            self.network.config,
            network=self.network.state_dict(),
            normalizer=self.normalizer.state_dict(),
        )
        return replace(self, network=network, normalizer=normalizer, specs=specs)


def load_policy(path: Path | str) -> LearnedPolicy:
    """Load the policy of a checkpoint, without what only its training needs.

    Args:
        path: The file.

    Raises:
        ArtifactError: If it is missing, truncated, no checkpoint, or one of another format.
    """
    checkpoint = Checkpoint.load(path)
    groups, facts = checkpoint.groups, checkpoint.facts
    specs = Specs.decode(facts["specs"])
    network, normalizer = _build_parts(
        specs,
        decode_record(NetworkConfig, facts["config"]["network"]),
        network=groups["network"],
        normalizer=groups["observation_normalizer"],
    )
    knows_values = {"value_normalizer", "reward_normalizer"} <= groups.keys()
    return LearnedPolicy(
        network=network,
        normalizer=normalizer,
        specs=specs,
        episode_length=facts.get("episode_length"),
        value_scale=ValueScale.read(groups["value_normalizer"], groups["reward_normalizer"])
        if knows_values
        else None,
    )


def encode_policy(checkpoint: Checkpoint) -> bytes:
    """Return the content of a file that holds the policy of a checkpoint and nothing else.

    Args:
        checkpoint: The checkpoint; :func:`load_policy` reads what comes out like it.
    """
    groups = checkpoint.groups
    units = {"value_normalizer": ("mean", "deviation"), "reward_normalizer": ("scale",)}
    known = ("specs", "episode_length", "environment", "environment_config", "steps", "updates")
    facts = {name: checkpoint.facts[name] for name in known if name in checkpoint.facts}
    return Checkpoint(
        groups={name: groups[name] for name in ("network", "observation_normalizer")}
        | {
            name: {part: groups[name][part] for part in parts}
            for name, parts in units.items()
            if name in groups
        },
        facts={**facts, "config": {"network": checkpoint.facts["config"]["network"]}},
    ).encode()


def _build_parts(
    specs: Specs,
    config: NetworkConfig,
    *,
    network: Mapping[str, Tensor],
    normalizer: Mapping[str, Tensor],
) -> tuple[ActorCritic, ObservationNormalizer]:
    """Build what a policy consists of, with what it has learned."""
    built = ActorCritic(specs.observation, specs.actions, config, generator=torch.Generator())
    built.load_state_dict(network)
    scale = ObservationNormalizer(specs.observation)
    scale.load_state_dict(normalizer)
    return built, scale

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
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tamiyo.contracts import (
    AdvantageReport,
    ArtifactError,
    HeadReport,
    OpReport,
    PolicyReport,
    RolloutReport,
    UpdateReport,
    ValueReport,
    decode_record,
    decoding,
)
from tamiyo.learning.normalizers import ObservationNormalizer, ValueScale
from tamiyo.learning.specs import Specs, check_specs, leave_out_slots
from tamiyo.policy import ActorCritic, NetworkConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tamiyo.policy import ActResult

__all__ = [
    "Checkpoint",
    "LearnedPolicy",
    "check_training",
    "decode_report",
    "encode_policy",
    "load_policy",
]

_FORMAT: Final = "tamiyo-checkpoint-1"
_HEADER: Final = "tamiyo"
_METADATA: Final = "__metadata__"
_LENGTH_BYTES: Final = 8


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
        facts = json.dumps({"format": _FORMAT, **self.facts})
        header, numbers = _split(save(tensors))
        # In one text: safetensors writes several in no fixed order.
        return save(tensors, {_HEADER: f"{_digest(header, facts, numbers)} {facts}"})

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """Read what :meth:`encode` made.

        Args:
            path: The file.

        Raises:
            ArtifactError: If it is missing, truncated, altered, no checkpoint, or one of another
                format.
        """
        try:
            content = Path(path).read_bytes()
            tensors = load(content)
            header, numbers = _split(content)
            metadata = header.pop(_METADATA, {})
            digest, text = _part(metadata.get(_HEADER, "{}"))
            facts = json.loads(text)
        except (OSError, RecursionError, SafetensorError, ValueError) as error:
            message = f"checkpoint must be a whole file of tensors, got {path}: {error}"
            raise ArtifactError(message) from None
        found = facts.get("format") if isinstance(facts, dict) else None
        if found != _FORMAT:
            message = f"checkpoint must be of format {_FORMAT}, got {found}: {path}"
            raise ArtifactError(message)
        if digest not in {"", _digest(header, text, numbers)}:
            message = f"checkpoint must match its own digest, got {path}: altered or damaged"
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
        if leave_out_slots(specs) != leave_out_slots(self.specs):
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
    with decoding(f"checkpoint {path}"):
        return _decode_policy(checkpoint.groups, checkpoint.facts)


def _decode_policy(
    groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]
) -> LearnedPolicy:
    """Build the policy that a checkpoint tells of.

    Raises:
        ArtifactError: If it tells of a larger one than it holds.
        TypeError: If the length of its episodes is no number.
    """
    specs = Specs.decode(facts["specs"])
    config = decode_record(NetworkConfig, facts["config"]["network"])
    held = sum(tensor.numel() for tensor in groups["network"].values())
    told = max(specs.observation.size, config.hidden**2, config.slot_hidden)
    if told > held:
        message = f"network of a checkpoint must hold its {told} weights, got {held}"
        raise ArtifactError(message)
    network, normalizer = _build_parts(
        specs,
        config,
        network=groups["network"],
        normalizer=groups["observation_normalizer"],
    )
    episode_length = facts.get("episode_length")
    if not isinstance(episode_length, int | None):
        raise TypeError(episode_length)
    knows_values = {"value_normalizer", "reward_normalizer"} <= groups.keys()
    return LearnedPolicy(
        network=network,
        normalizer=normalizer,
        specs=specs,
        episode_length=episode_length,
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


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a file of tensors, and the numbers behind it."""
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header: dict[str, Any] = json.loads(content[_LENGTH_BYTES:start])
    return header, content[start:]


def _part(text: str) -> tuple[str, str]:
    """Part digest and facts; the first versions wrote no digest."""
    if text.startswith("{"):
        return "", text
    digest, _, facts = text.partition(" ")
    return digest, facts


def _digest(header: Mapping[str, Any], facts: str, numbers: bytes) -> str:
    digest = hashlib.sha256(json.dumps([header, facts], sort_keys=True).encode())
    digest.update(numbers)
    return digest.hexdigest()

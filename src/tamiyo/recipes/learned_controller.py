"""LearnedController: a trained policy that decides for one host, like any other controller."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.contracts import (
    ArtifactError,
    ConfigError,
    DecisionEvidence,
    Head,
    TamiyoDecision,
    UnknownNameError,
    build_action_spec,
    derive_seed,
    list_legal_ops,
)
from tamiyo.controller import (
    CONTROLLERS,
    SCHEDULE_PREFIX,
    Controller,
    ControllerConfig,
    build_controller,
)
from tamiyo.learning import Checkpoint, LearnedPolicy, Specs, encode_policy, load_policy
from tamiyo.model import write_atomically
from tamiyo.observation import (
    MoveTracker,
    ObservationEncoder,
    build_layout,
    compute_action_masks,
    gather_arrays,
)
from tamiyo.policy import name_probabilities
from tamiyo.recipes.evidence import scale_by
from tamiyo.recipes.run_folder import RunFolder

if TYPE_CHECKING:
    from tamiyo.contracts import HostReport, TaskConfig, TrainingSignals
    from tamiyo.policy import ActResult

__all__ = [
    "LEARNED",
    "LEARNED_PREFIX",
    "SHIPPED",
    "LearnedController",
    "build_run_controller",
    "export_policy",
    "find_policy",
    "hash_policy",
    "is_learned",
]

LEARNED: Final = "learned"
"""Name of the controller that comes with the package."""

LEARNED_PREFIX: Final = "learned:"
"""What stands before the path in the name of a controller of one's own training."""

SHIPPED: Final = Path(__file__).parent / "shipped" / "controller.safetensors"
"""The trained policy that comes with the package; a card beside it says what it is good for."""

_KEPT_POLICIES: Final = 4


class LearnedController:
    """Decides for one host, from its first epoch to its last decision.

    It draws its choices as it did in training: what has some probability in every epoch happens
    sooner or later, while the most probable choice may be to wait, every time.

    Args:
        policy: The policy, for any number of slots.
        task: What observations are scaled by; where it does not say how many batches an epoch has,
            those of the epochs so far do.
        slot_ids: Slots of the host.
        name: Name for records and tables.
        seed: Seed of its draws; equal hosts are grown equally with equal seeds. ``None`` takes the
            most probable choices.

    Raises:
        ConfigError: If it was trained for another number of decisions.
        ArtifactError: If it was trained for other observations or actions.

    Attributes:
        evidence: What the last decision was made from; ``None`` before the first.
    """

    def __init__(
        self,
        policy: LearnedPolicy,
        task: TaskConfig,
        slot_ids: tuple[str, ...],
        *,
        name: str,
        seed: int | None,
    ) -> None:
        _check_horizon(policy, task, name)
        has_telemetry = len(policy.specs.observation.slot_blocks) > 1
        self._layout = build_layout(len(slot_ids), telemetry=has_telemetry)
        self._spec = build_action_spec(slot_ids)
        self._policy = policy.fit(Specs(self._spec, self._layout.spec))
        self._task = task
        self._name = name
        self._deterministic = seed is None
        self._generator = torch.Generator()
        if seed is not None:
            self._generator.manual_seed(derive_seed(seed, 0, "choices of a policy"))
        self._state = policy.network.initial_state(1)
        self._moves = MoveTracker(self._layout, slot_ids)
        self.evidence: DecisionEvidence | None = None

    @property
    def name(self) -> str:
        """Name for records and tables."""
        return self._name

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Choose what to do in the coming epoch.

        Args:
            signals: The course of training so far.
            host: The host and its slots now.

        Returns:
            The decision; its reason is the probability of all its choices together, and the
            discounted reward the policy expects from here on.
        """
        arrays = gather_arrays([host], [signals])
        encoder = ObservationEncoder(self._layout, scale_by(self._task, signals))
        observations = encoder.encode(arrays)
        result = self._policy.choose(
            observations,
            compute_action_masks(arrays, self._spec),
            self._state,
            deterministic=self._deterministic,
            generator=self._generator,
        )
        self._state = result.state
        value = self._read_value(result)
        reason = f"probability {float(result.log_probs.sum().exp()):.2f}"
        if value is not None:
            reason += f", value {value:.1f}"
        named = name_probabilities(self._spec, result.actions[0], result.probabilities[0])
        self.evidence = DecisionEvidence(
            legal_ops=list_legal_ops(host),
            probabilities={Head(head): choices for head, choices in named.items()},
            value=value,
            moved=self._moves.take(observations[0], encoder.unknown[0]),
        )
        return TamiyoDecision.from_action(result.actions[0].tolist(), host.slot_ids, reason=reason)

    def _read_value(self, result: ActResult) -> float | None:
        """Return the reward that is expected from here on; ``None`` if the file has no scale."""
        scale = self._policy.value_scale
        return None if scale is None else scale.apply(float(result.values[0]))


def is_learned(name: str) -> bool:
    """Say whether a controller's name is that of a trained policy, or the path of one."""
    if name == LEARNED or name.startswith(LEARNED_PREFIX):
        return True
    return not _is_other(name) and _locate(Path(name)) is not None


def find_policy(name: str) -> Path:
    """Return the file of a trained policy.

    Args:
        name: ``learned`` for the one that comes with the package; another one's path, after
            ``learned:`` or alone: a file, or the folder of a training.

    Raises:
        ArtifactError: If there is no such file.
    """
    if name == LEARNED:
        path: Path | None = SHIPPED if SHIPPED.is_file() else None
    else:
        given = name.removeprefix(LEARNED_PREFIX)
        path = _locate(Path(given)) if given else None
    if path is None:
        message = (
            f"controller must name a .safetensors file or the folder of a training after "
            f"{LEARNED_PREFIX}, got {name!r}"
        )
        raise ArtifactError(message)
    return path


def hash_policy(name: str) -> str:
    """Hash the content of a trained policy's file.

    Args:
        name: As for :func:`find_policy`.

    Raises:
        ArtifactError: If there is no such file.
    """
    return hashlib.sha256(find_policy(name).read_bytes()).hexdigest()


def export_policy(name: str, path: Path) -> None:
    """Write a file that holds a trained policy and nothing that only its training needs.

    Args:
        name: As for :func:`find_policy`.
        path: The file to write; one that is there is replaced.

    Raises:
        ArtifactError: If there is no such policy, or the file cannot be written.
    """
    content = encode_policy(Checkpoint.load(find_policy(name)))
    try:
        write_atomically(path, content)
    except OSError as error:
        message = f"policy must go to a file that can be written, got {path}: {error.strerror}"
        raise ArtifactError(message) from error


def build_run_controller(
    name: str,
    config: ControllerConfig,
    task: TaskConfig,
    *,
    slot_ids: tuple[str, ...],
    seed: int,
) -> Controller:
    """Build any controller for one run of one host, a trained one included.

    Args:
        name: As for :func:`find_policy`, or what :func:`~tamiyo.controller.build_controller` knows.
        config: Settings of the others.
        task: What a trained one's observations are scaled by.
        slot_ids: Slots of the host.
        seed: Seed of random choices.

    Raises:
        ArtifactError: If the file of a policy is missing or damaged, or the policy was trained for
            something else than hosts.
        ConfigError: If the policy was trained for another number of decisions.
        UnknownNameError: If there is no controller of that name.
        ScheduleError: If a schedule cannot be read or breaks a rule.
    """
    if is_learned(name):
        path = find_policy(name).resolve()
        policy = _load(path, path.stat().st_mtime_ns)
        return LearnedController(policy, task, slot_ids, name=name, seed=seed)
    if not _is_other(name):
        raise UnknownNameError("controller", name, [*CONTROLLERS, f"{LEARNED_PREFIX}PATH"])
    return build_controller(name, config, seed)


def _is_other(name: str) -> bool:
    """Say whether a name is that of a controller that never learned."""
    return name in CONTROLLERS or name.startswith(SCHEDULE_PREFIX)


def _locate(path: Path) -> Path | None:
    """Return the file of the policy at a path; ``None`` if there is none."""
    file = RunFolder(path).checkpoint if path.is_dir() else path
    return file if file.suffix == SHIPPED.suffix and file.is_file() else None


def _check_horizon(policy: LearnedPolicy, task: TaskConfig, name: str) -> None:
    """Refuse a policy that was trained for another number of decisions.

    Raises:
        ConfigError: If it was; names both numbers.
    """
    known = policy.episode_length
    if known is not None and known != task.decision_epochs:
        message = (
            f"decisions of task {task.name} must be the {known} that {name} was trained for, "
            f"got {task.decision_epochs}: with {known + task.closing_epochs} epochs they are"
        )
        raise ConfigError(message)


@lru_cache(maxsize=_KEPT_POLICIES)
def _load(path: Path, _changed: int) -> LearnedPolicy:
    """Load a policy once for all the hosts it decides for."""
    return load_policy(path)

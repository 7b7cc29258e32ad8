"""How the host of a recorded run was trained, and on what; read only if it is that of the log."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import ArtifactError, ConfigError, decode_record, encode_record
from tamiyo.controller import WAIT_ONLY
from tamiyo.recipes.config import RunConfig, build_effective_task
from tamiyo.recipes.learned import TrainConfig
from tamiyo.tasks import TextData, list_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.environment import HostEnvConfig
    from tamiyo.tasks import Task, TrainingData

__all__ = ["load_run_task", "read_episode_config", "read_run_config"]


def read_run_config(content: Mapping[str, Any], config_hash: str) -> RunConfig:
    """Read how the host of a run was trained, if it is how the recorded run trained it.

    Args:
        content: What the run's ``config.json`` holds.
        config_hash: Hash of the configuration, from the log.

    Raises:
        ArtifactError: If it is not, or cannot be read.
        ConfigError: If the run was not on a task.
    """
    _check_hash({name: content.get(name) for name in ("run", "task")}, config_hash)
    settings = {
        name: value
        for name, value in content["run"].items()
        if name not in {"schedule", "policy_sha256"}
    }
    if settings.get("task") not in list_tasks():
        message = (
            f"replay must be of a run on one of {', '.join(list_tasks())}, "
            f"got {settings.get('task')!r}: a model of your own is grown again by tamiyo.grow "
            "with controller=tamiyo.RecordedController.from_run(folder)"
        )
        raise ConfigError(message)
    # Whoever decided is not asked again, so that nothing of it has to be there.
    return decode_record(RunConfig, {**settings, "controller": WAIT_ONLY})


def read_episode_config(content: Mapping[str, Any], config_hash: str) -> HostEnvConfig:
    """Read what the episodes of a training were like, if it is the recorded training.

    Args:
        content: What the training's ``config.json`` holds.
        config_hash: Hash of the configuration, from the log.

    Raises:
        ArtifactError: If it is not, or cannot be read.
    """
    _check_hash(content.get("train"), config_hash)
    return decode_record(TrainConfig, content["train"]).hosts


def load_run_task(content: Mapping[str, Any], config: RunConfig) -> tuple[Task, TrainingData]:
    """Load task and data, if they are what they were then.

    Args:
        content: What the run's ``config.json`` holds.
        config: The same as a record.

    Raises:
        ArtifactError: If they are not.
    """
    task = build_effective_task(config)
    task, data = task.find_host(task.load_data(), config.hosts, config.seed)
    then, now = content["task"], json.loads(json.dumps(encode_record(task.config)))
    if then != now:
        changed = ", ".join(name for name in now if now[name] != then.get(name))
        message = (
            f"task {config.task} must be what it was in the run, got another {changed}: "
            "use the release of Tamiyo that made the run"
        )
        raise ArtifactError(message)
    digest = data.digest if isinstance(data, TextData) else None
    if digest != content.get("text_sha256"):
        message = (
            f"text must be that of the run ({content.get('text_sha256')}), got {digest}: "
            "it is taken from the running Python, so use the Python that made the run"
        )
        raise ArtifactError(message)
    return task, data


def _check_hash(content: object, config_hash: str) -> None:
    """Refuse a configuration that is not that of the log.

    Raises:
        ArtifactError: If it is another one.
    """
    found = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    if found != config_hash:
        message = (
            f"config.json must be that of the log, whose hash is {config_hash}, "
            f"got one of {found}: it was changed after the run"
        )
        raise ArtifactError(message)

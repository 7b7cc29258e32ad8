"""One folder per run: configuration, events, what was grown or trained, pictures, result."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import ArtifactError
from tamiyo.model import write_atomically
from tamiyo.telemetry import LOG_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RunFolder"]

_FORMAT: Final = "tamiyo-run-1"


class RunFolder:
    """The files of one run.

    Attributes:
        path: The folder.
        events: The append-only event log.
        export: Folder of the exported network.
        picture: The growth picture.
        checkpoint: The state of a controller's training.
        earlier_checkpoint: The one before it, to go back to.
        curve: The learning picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = path / LOG_NAME
        self.export = path / "export"
        self.picture = path / "growth.png"
        self.checkpoint = path / "checkpoint.safetensors"
        self.earlier_checkpoint = path / "checkpoint.earlier.safetensors"
        self.curve = path / "learning.png"
        self._config = path / "config.json"
        self._result = path / "result.json"

    def create(self, config: Mapping[str, object], *, overwrite: bool) -> None:
        """Make the folder and write the effective configuration.

        Args:
            config: The effective configuration as JSON values.
            overwrite: Whether an earlier run in this folder may be replaced: the files a run
                writes are, and nothing else in the folder is touched.

        Raises:
            ArtifactError: If something is there that may not be replaced, or the folder cannot be
                written.
        """
        try:
            if self.path.exists():
                self._check(overwrite=overwrite)
                self._clear()
            self.path.mkdir(parents=True, exist_ok=True)
            _write_json(self._config, {"format": _FORMAT, **config})
        except OSError as error:
            message = f"output folder must be writable, got {self.path}: {error.strerror}"
            raise ArtifactError(message) from error

    def read_config(self) -> dict[str, Any]:
        """Return the effective configuration.

        Raises:
            ArtifactError: If this is no folder of a run.
        """
        content = self._read()
        if content is None:
            message = f"run folder must hold the config.json of a run, got {self.path}"
            raise ArtifactError(message)
        return content

    def write_checkpoint(self, content: bytes) -> None:
        """Write the state of a training, and keep the one before it under another name.

        Raises:
            OSError: If it cannot be written; the newest one that could is still there then.
        """
        if self.checkpoint.exists():
            self.earlier_checkpoint.unlink(missing_ok=True)
            with suppress(OSError):  # where a file system has no links, the newest one is all
                os.link(self.checkpoint, self.earlier_checkpoint)
        write_atomically(self.checkpoint, content)

    def write_result(self, result: Mapping[str, object]) -> None:
        """Write the result of the run."""
        _write_json(self._result, result)

    def _check(self, *, overwrite: bool) -> None:
        if not self.path.is_dir() or (any(self.path.iterdir()) and not self._is_run()):
            message = (
                f"output folder must be new, empty or an earlier run, got {self.path}, which holds "
                "something else: choose another one"
            )
            raise ArtifactError(message)
        if self._is_run() and not overwrite:
            message = (
                f"output folder must be new, got {self.path}, which holds an earlier run: "
                "choose another one, or allow to overwrite it (--overwrite, overwrite=True)"
            )
            raise ArtifactError(message)

    def _clear(self) -> None:
        """Remove what an earlier run left, but its configuration, which is replaced."""
        checkpoints = self.checkpoint, self.earlier_checkpoint
        for path in (self._result, self.picture, self.events, *checkpoints, self.curve):
            path.unlink(missing_ok=True)
        if self.export.exists():
            shutil.rmtree(self.export)

    def _is_run(self) -> bool:
        return self._read() is not None

    def _read(self) -> dict[str, Any] | None:
        """Return the configuration, or ``None`` if a run wrote none here."""
        try:
            found = json.loads(self._config.read_text(encoding="utf-8"))
        except (OSError, RecursionError, ValueError):
            return None
        is_run = isinstance(found, dict) and found.get("format") == _FORMAT
        return found if is_run else None


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    write_atomically(path, json.dumps(content, indent=2).encode() + b"\n")

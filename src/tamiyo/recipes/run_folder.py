"""One folder per run: configuration, events, grown network, picture, result."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ArtifactError
from tamiyo.model import write_atomically

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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = path / "events.jsonl"
        self.export = path / "export"
        self.picture = path / "growth.png"
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
            self.export.mkdir(parents=True)
            _write_json(self._config, {"format": _FORMAT, **config})
        except OSError as error:
            message = f"output folder must be writable, got {self.path}: {error.strerror}"
            raise ArtifactError(message) from error

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
        for path in (self._result, self.picture, self.events):
            path.unlink(missing_ok=True)
        if self.export.exists():
            shutil.rmtree(self.export)

    def _is_run(self) -> bool:
        try:
            found = json.loads(self._config.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and found.get("format") == _FORMAT


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    write_atomically(path, json.dumps(content, indent=2).encode() + b"\n")

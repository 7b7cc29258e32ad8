"""Load an exported network again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tamiyo.contracts import ArtifactError
from tamiyo.model import load_export
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.tasks import HostRecipe, build_host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

__all__ = ["load_network"]


def load_network(
    folder: Path | str, build_own_host: Callable[[], nn.Module] | None = None
) -> nn.Module:
    """Build an exported network again, without the run that grew it.

    Args:
        folder: A run folder, the ``export`` folder in it, or where a result was saved.
        build_own_host: Builds the bare host, for a model of the user's own; its weights do not
            matter. A task's host is built from the export itself.

    Returns:
        The grown network in evaluation mode, a plain module.

    Raises:
        ArtifactError: If the export is missing, truncated, altered or of another format, or its
            host is none that Tamiyo can build.
        ConfigError: If the host's arguments are refused.
    """
    folder = Path(folder)
    export = RunFolder(folder).export

    def build(host: Mapping[str, object]) -> nn.Module:
        return _build_exported_host(host) if build_own_host is None else build_own_host()

    return load_export(export if export.is_dir() else folder, build)


def _build_exported_host(host: Mapping[str, object]) -> nn.Module:
    name, arguments = host.get("name"), host.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        message = (
            "host of an export must have a name and arguments, or be built by the caller "
            f"(tamiyo.load(folder, build_host)), got {dict(host)}"
        )
        raise ArtifactError(message)
    return build_host(HostRecipe(name=name, arguments=arguments))

"""Load an exported network again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from tamiyo.contracts import ArtifactError, ConfigError, TamiyoError
from tamiyo.model import load_export
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.tasks import HostRecipe, build_host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["load_network"]

_RULE: Final = "build_host must be a function without arguments that builds the bare host"


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
        ConfigError: If the host's arguments are refused, or ``build_own_host`` is no function that
            builds a module.
    """
    folder = Path(folder)
    export = RunFolder(folder).export
    if export.is_dir():
        folder = export

    def build(host: Mapping[str, object]) -> nn.Module:
        if build_own_host is not None:
            return _call(build_own_host)
        size_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        return _build_exported_host(host, size_bytes)

    return load_export(folder, build)


def _call(build_own_host: Callable[[], nn.Module]) -> nn.Module:
    """Build a host of the user's own.

    Raises:
        ConfigError: If that is no function that can do it.
        TamiyoError: If it is one that loads an export, which refuses.
    """
    if isinstance(build_own_host, nn.Module) or not callable(build_own_host):
        message = (
            f"{_RULE}, got {type(build_own_host).__name__}: give the function, as in "
            "tamiyo.load(folder, build_model)"
        )
        raise ConfigError(message)
    try:
        host = build_own_host()
    except TamiyoError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"{_RULE}, got {reason}: call it by itself to see where"
        raise ConfigError(message) from error
    if not isinstance(host, nn.Module):
        message = f"{_RULE}, got one that returns {type(host).__name__}: return the bare model"
        raise ConfigError(message)
    return host


def _build_exported_host(host: Mapping[str, object], size_bytes: int) -> nn.Module:
    """Build a task's host, once it is known to be no larger than the file of its weights.

    Raises:
        ArtifactError: If it is, or nobody says which host it is.
    """
    told = host if isinstance(host, dict) else {}  # a forged recipe may hold anything there
    name, arguments = told.get("name"), told.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        message = (
            "host of an export must have a name and arguments, or be built by the caller "
            f"(tamiyo.load(folder, build_host)), got {host}"
        )
        raise ArtifactError(message)
    recipe = HostRecipe(name=name, arguments=arguments)
    with torch.device("meta"):  # counted before it takes memory
        count = sum(weights.numel() for weights in build_host(recipe).parameters())
    if count > size_bytes:
        message = f"host of an export must be no larger than its {size_bytes} bytes, got {recipe}"
        raise ArtifactError(message)
    return build_host(recipe)

"""Write a grown network as data and build it again: ``weights.safetensors`` and ``growth.json``.

No pickle is written or read. The recipe carries a digest of itself and of the weights, so a
truncated or altered export is refused rather than loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from tamiyo.contracts import ArtifactError, Blueprint, Style
from tamiyo.model.blueprints import SlotShape, Topology
from tamiyo.model.export.grown import Fossil, detach, graft, list_fossils
from tamiyo.model.host import count_trainable
from tamiyo.model.randomness import drawing_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tamiyo.model.host import TamiyoModel

__all__ = ["GROWTH_FORMAT", "load_export", "save_export", "write_atomically"]

GROWTH_FORMAT: Final = "tamiyo-growth-1"
"""Name and version of the recipe; raised when a field changes its meaning."""

_RECIPE_FILE: Final = "growth.json"
_WEIGHTS_FILE: Final = "weights.safetensors"


def save_export(model: TamiyoModel, folder: Path, *, host: Mapping[str, object]) -> None:
    """Write the committed network of a model.

    Args:
        model: The model; uncommitted seeds are left out.
        folder: Existing folder to write the two files into.
        host: How the host is built, as JSON values; handed to the builder when loading.
    """
    network = detach(model)
    # Cloned, since safetensors refuses tensors that share memory, as tied weights do.
    weights = save_tensors(
        {
            name: tensor.clone(memory_format=torch.contiguous_format)
            for name, tensor in network.state_dict().items()
        }
    )
    recipe: dict[str, object] = {
        "format": GROWTH_FORMAT,
        "host": dict(host),
        "host_parameters": model.host_parameters,
        "parameters": count_trainable(network),
        "fossils": [_encode_fossil(fossil) for fossil in list_fossils(model)],
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    recipe["recipe_sha256"] = _digest(recipe)
    write_atomically(folder / _WEIGHTS_FILE, weights)
    write_atomically(folder / _RECIPE_FILE, json.dumps(recipe, indent=2).encode() + b"\n")


def load_export(folder: Path, build_host: Callable[[Mapping[str, object]], nn.Module]) -> nn.Module:
    """Build a grown network again, without the run that grew it.

    Args:
        folder: Where :func:`save_export` wrote.
        build_host: Builds the bare host from the recipe's ``host``; its weights do not matter.

    Returns:
        The network in evaluation mode; on the same input its outputs equal the exported ones bit
        for bit.

    Raises:
        ArtifactError: If a file is missing, truncated, altered or of another format, or the host
            built is not the exported one.
    """
    recipe = _read_recipe(folder / _RECIPE_FILE)
    weights = _read_bytes(folder / _WEIGHTS_FILE)
    found = hashlib.sha256(weights).hexdigest()
    if found != recipe["weights_sha256"]:
        message = (
            f"{folder / _WEIGHTS_FILE} must have the sha256 {recipe['weights_sha256']} that its "
            f"recipe names, got {found}: the file is truncated or altered, export again"
        )
        raise ArtifactError(message)
    fossils = [_decode_fossil(entry) for entry in recipe["fossils"]]
    with drawing_from(torch.Generator()):
        host = build_host(recipe["host"])
    try:
        network = graft(host, fossils, torch.Generator())
        network.load_state_dict(load_tensors(weights))
    except (AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        message = f"build_host must build the host {recipe['host']} of {folder}, got {reason}"
        raise ArtifactError(message) from None
    return network.eval()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _encode_fossil(fossil: Fossil) -> dict[str, object]:
    return {
        "slot_id": fossil.slot_id,
        "path": fossil.path,
        "seed_id": fossil.seed_id,
        "blueprint": fossil.blueprint.name,
        "style": fossil.style.name,
        "alpha": fossil.alpha,
        "topology": fossil.shape.topology.value,
        "features": list(fossil.shape.per_sample),
    }


def _decode_fossil(entry: Mapping[str, Any]) -> Fossil:
    channels, *extent = entry["features"]
    return Fossil(
        slot_id=entry["slot_id"],
        path=entry["path"],
        seed_id=entry["seed_id"],
        blueprint=Blueprint[entry["blueprint"]],
        style=Style[entry["style"]],
        alpha=entry["alpha"],
        shape=SlotShape(Topology(entry["topology"]), channels, tuple(extent)),
    )


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe: Any = json.loads(_read_bytes(path))
    except ValueError as error:
        message = (
            f"{path} must be a whole JSON object, got {error}: truncated or altered, export again"
        )
        raise ArtifactError(message) from None
    found = recipe.get("format") if isinstance(recipe, dict) else None
    if found != GROWTH_FORMAT:
        message = f"format of {path} must be {GROWTH_FORMAT}, got {found!r}"
        raise ArtifactError(message)
    digest = recipe.pop("recipe_sha256", None)
    if digest != _digest(recipe):
        message = f"{path} must match its own recipe_sha256, got {digest}: altered, export again"
        raise ArtifactError(message)
    checked: dict[str, Any] = recipe
    return checked


def _digest(recipe: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path} must be a readable file of an export, got {error.strerror}"
        raise ArtifactError(message) from None

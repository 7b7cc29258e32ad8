"""The committed network by itself: as a plain module, and as files."""

from __future__ import annotations

from tamiyo.model.export.files import GROWTH_FORMAT, load_export, save_export, write_atomically
from tamiyo.model.export.grown import Fossil, GrownModule, detach, graft, list_fossils

__all__ = [
    "GROWTH_FORMAT",
    "Fossil",
    "GrownModule",
    "detach",
    "graft",
    "list_fossils",
    "load_export",
    "save_export",
    "write_atomically",
]

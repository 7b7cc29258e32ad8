"""The committed network by itself: as a plain module, and as files."""

from __future__ import annotations

from tamiyo.model.export.files import (
    check_exportable,
    load_export,
    save_export,
    write_atomically,
)
from tamiyo.model.export.grown import Fossil, detach, graft, list_fossils
from tamiyo.model.modules import GROWTH_FORMAT

__all__ = [
    "GROWTH_FORMAT",
    "Fossil",
    "check_exportable",
    "detach",
    "graft",
    "list_fossils",
    "load_export",
    "save_export",
    "write_atomically",
]

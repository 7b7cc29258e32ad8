"""The command line."""

from __future__ import annotations

from tamiyo.cli.main import main

__all__ = ["main"]

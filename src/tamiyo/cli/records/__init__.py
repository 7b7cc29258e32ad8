"""Commands that read what a run recorded."""

from __future__ import annotations

__all__ = ()

"""The live page of a run: a server on the loopback address, and what it serves."""

from __future__ import annotations

__all__ = ()

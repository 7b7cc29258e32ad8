"""Grow a neural network while it trains."""

from __future__ import annotations


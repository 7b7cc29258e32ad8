"""Growing a model of the user's own."""

from __future__ import annotations

from tamiyo.recipes.own.grow import grow
from tamiyo.recipes.own.preparing import GrowSettings
from tamiyo.recipes.own.result import GrowResult

__all__ = ["GrowResult", "GrowSettings", "grow"]

"""A run as it stands, in a terminal: live and with keys, or line by line."""

from __future__ import annotations

from tamiyo.ui.dashboard.page import build_page, describe_state
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.dashboard.watching import RunWatcher

__all__ = ["RunWatcher", "View", "build_page", "describe_state"]

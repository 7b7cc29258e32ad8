"""The live page of a run: a server on the loopback address, and what it serves."""

from __future__ import annotations

from tamiyo.ui.live_page.feed import StateFeed
from tamiyo.ui.live_page.publishing import LogPublisher
from tamiyo.ui.live_page.server import LivePageServer
from tamiyo.ui.live_page.token import build_token, load_token

__all__ = ["LivePageServer", "LogPublisher", "StateFeed", "build_token", "load_token"]

"""Reference hosts, and recipes to build them from plain values."""

from __future__ import annotations

from tamiyo.tasks.hosts.cnn import build_cnn
from tamiyo.tasks.hosts.recipes import HostRecipe, build_host, list_hosts, widen_recipe

__all__ = ["HostRecipe", "build_cnn", "build_host", "list_hosts", "widen_recipe"]

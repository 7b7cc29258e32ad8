"""Reference hosts, and recipes to build them from plain values."""

from __future__ import annotations

from tamiyo.tasks.hosts.cnn import build_cnn
from tamiyo.tasks.hosts.gpt import CausalAttention, LearnedPositions, build_gpt
from tamiyo.tasks.hosts.mlp import build_mlp
from tamiyo.tasks.hosts.recipes import (
    HostRecipe,
    build_host,
    list_hosts,
    read_width,
    widen_recipe,
)

__all__ = [
    "CausalAttention",
    "HostRecipe",
    "LearnedPositions",
    "build_cnn",
    "build_gpt",
    "build_host",
    "build_mlp",
    "list_hosts",
    "read_width",
    "widen_recipe",
]

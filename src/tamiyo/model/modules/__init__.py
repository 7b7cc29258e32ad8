"""Every module a grown network consists of, and the loader of exports.

This folder needs PyTorch only and knows nothing of the package around it: each export carries a
copy of it, named ``network``, which builds the grown network where Tamiyo is not installed::

    import sys
    sys.path.insert(0, "path/of/the/export")
    import network
    grown = network.load("path/of/the/export", build_host)
"""

from __future__ import annotations

from .bodies import BODIES, Body, build_seed
from .conv import SqueezeExcite
from .grown import GrownModule, grow_module
from .loading import (
    GROWTH_FORMAT,
    RECIPE_FILE,
    WEIGHTS_FILE,
    LoadError,
    digest_recipe,
    load,
    load_network,
)
from .seed_module import Algorithm, LearnedGate, SeedModule, compose
from .stand_in import StandIn
from .tensors import DTYPES, read_tensors
from .topology import Topology

__all__ = [
    "BODIES",
    "DTYPES",
    "GROWTH_FORMAT",
    "RECIPE_FILE",
    "WEIGHTS_FILE",
    "Algorithm",
    "Body",
    "GrownModule",
    "LearnedGate",
    "LoadError",
    "SeedModule",
    "SqueezeExcite",
    "StandIn",
    "Topology",
    "build_seed",
    "compose",
    "digest_recipe",
    "grow_module",
    "load",
    "load_network",
    "read_tensors",
]

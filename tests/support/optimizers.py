"""What leads an optimizer through growth, and plain training of what grows."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tamiyo.contracts import LifecycleConfig
from tamiyo.engine import GrowingOptimizer
from tests.support.hosts import build_batch, build_model, walk_to

__all__ = ["SHORT", "build_adam", "follow", "members", "train"]

SHORT = LifecycleConfig(
    incubate=False, ramp=False, min_prune_age_epochs=0, embargo_epochs_after_prune=0
)
"""Seeds blend at full strength when they advance, and may leave at any time."""


def build_adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def train(model, optimizer, *, steps=3, network=None, set_to_none=True):
    for step in range(steps):
        inputs, targets = build_batch(seed=step)
        optimizer.zero_grad(set_to_none=set_to_none)
        F.cross_entropy((network or model)(inputs), targets).backward()
        optimizer.step()


def follow(build=build_adam, *, stage=None, seed_factor=0.5, **options):
    """A model, the user's optimizer and what leads it; given a stage, a trained seed in r0c0."""
    model = build_model(config=SHORT, **options).train()
    optimizer = build(model.host.parameters())
    growing = GrowingOptimizer(model, optimizer, seed_factor=seed_factor)
    if stage is not None:
        walk_to(model, stage)
        growing.sync()
        train(model, optimizer)
    return model, optimizer, growing


def members(optimizer):
    return [[id(p) for p in group["params"]] for group in optimizer.param_groups]

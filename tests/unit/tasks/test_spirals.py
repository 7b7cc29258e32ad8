"""The spirals: evenly drawn, apart from one another, the same on every call."""

from __future__ import annotations

import math

import pytest
import torch

from tamiyo.tasks import SPIRALS_ARMS, SPIRALS_TRAIN_SIZE, draw_spirals, load_spirals_splits

SPLITS = ["train", "control", "test"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def splits():
    return load_spirals_splits()


@pytest.mark.parametrize(("name", "size"), [("train", 3600), ("control", 1200), ("test", 1200)])
def test_splits_have_their_documented_sizes_and_equal_classes(splits, name, size):
    split = getattr(splits, name)
    assert split.inputs.shape == (size, 2)
    assert split.inputs.dtype == torch.float32
    assert torch.bincount(split.targets).tolist() == [size // SPIRALS_ARMS] * SPIRALS_ARMS


def test_the_training_size_is_the_constant_tasks_count_batches_with(splits):
    assert len(splits.train) == SPIRALS_TRAIN_SIZE


def test_no_point_is_in_two_splits(splits):
    points = torch.cat([getattr(splits, name).inputs for name in SPLITS])
    assert len(points.unique(dim=0)) == len(points)


@pytest.mark.parametrize("name", SPLITS)
def test_splits_are_the_same_on_every_call(splits, name):
    again = getattr(load_spirals_splits(), name)
    assert torch.equal(again.inputs, getattr(splits, name).inputs)


def test_points_are_noisy_but_mostly_nearest_to_their_own_spiral():
    split = draw_spirals(3000, seeded())
    radii = torch.linspace(0, 1, 400)
    turns = 1.75 * radii + torch.arange(SPIRALS_ARMS)[:, None] / SPIRALS_ARMS  # [arms, 400]
    angles = 2 * math.pi * turns
    curves = radii[:, None] * torch.stack([angles.cos(), angles.sin()], dim=-1)
    distances = torch.cdist(split.inputs, curves.flatten(0, 1)).reshape(3000, SPIRALS_ARMS, 400)
    nearest = distances.amin(dim=2)
    right = (nearest.argmin(dim=1) == split.targets).float().mean()
    assert 0.98 < right < 1.0
    own = nearest.gather(1, split.targets[:, None])
    assert own.square().mean().sqrt().item() == pytest.approx(0.03, rel=0.15)


def test_points_lie_evenly_over_the_disk():
    radii = draw_spirals(30_000, seeded()).inputs.norm(dim=1)
    assert (radii < math.sqrt(0.5)).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_the_same_generator_state_gives_the_same_points_and_another_one_others():
    first = draw_spirals(30, seeded(5)).inputs
    assert torch.equal(first, draw_spirals(30, seeded(5)).inputs)
    assert not torch.equal(first, draw_spirals(30, seeded(6)).inputs)


def test_drawing_leaves_the_global_generator_as_it_was():
    before = torch.random.get_rng_state()
    draw_spirals(30, seeded())
    load_spirals_splits()
    assert torch.equal(torch.random.get_rng_state(), before)

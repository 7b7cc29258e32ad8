"""The three splits of the digits: disjoint, stratified, of documented sizes, always the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from tamiyo.tasks import DIGITS_TRAIN_SIZE, load_digits_splits, split_digits_indices

SPLITS = ["train", "control", "test"]


@pytest.fixture(scope="module")
def targets():
    return load_digits(return_X_y=True)[1]


@pytest.fixture(scope="module")
def rows(targets):
    return split_digits_indices(targets)


@pytest.fixture(scope="module")
def splits():
    return load_digits_splits()


def test_no_image_is_in_two_splits_and_none_is_left_out(rows):
    everything = np.concatenate([rows.train, rows.control, rows.test])
    assert np.array_equal(np.sort(everything), np.arange(1797))


@pytest.mark.parametrize(("name", "size"), [("train", 897), ("control", 360), ("test", 540)])
def test_splits_have_their_documented_sizes(rows, splits, name, size):
    assert len(getattr(rows, name)) == size
    assert getattr(splits, name).inputs.shape == (size, 1, 8, 8)
    assert getattr(splits, name).targets.shape == (size,)


def test_the_training_size_is_the_constant_tasks_count_batches_with(splits):
    assert len(splits.train) == DIGITS_TRAIN_SIZE


@pytest.mark.parametrize("name", SPLITS)
def test_each_split_has_the_classes_in_proportion_within_rounding(targets, rows, name):
    chosen = getattr(rows, name)
    expected = np.bincount(targets) * len(chosen) / len(targets)
    assert np.abs(np.bincount(targets[chosen]) - expected).max() <= 1.0


def test_splits_are_the_same_on_every_call(rows, targets):
    again = split_digits_indices(targets)
    assert all(np.array_equal(getattr(again, name), getattr(rows, name)) for name in SPLITS)


@pytest.mark.parametrize("name", SPLITS)
def test_images_are_those_of_the_rows_scaled_to_one(rows, splits, targets, name):
    images = load_digits(return_X_y=True)[0][getattr(rows, name)]
    split = getattr(splits, name)
    assert np.array_equal(split.inputs.numpy().reshape(-1, 64) * 16, images)
    assert np.array_equal(split.targets.numpy(), targets[getattr(rows, name)])


def test_pixels_use_the_whole_range_from_zero_to_one(splits):
    assert (splits.train.inputs.min(), splits.train.inputs.max()) == (0.0, 1.0)


def test_loading_leaves_the_global_generator_as_it_was():
    before = torch.random.get_rng_state()
    load_digits_splits()
    assert torch.equal(torch.random.get_rng_state(), before)

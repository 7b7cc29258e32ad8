"""The digits of scikit-learn (8x8 gray images, ten classes) in three fixed, stratified splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tamiyo.tasks.data import Split, Splits

__all__ = ["DIGITS_TRAIN_SIZE", "DigitsIndices", "load_digits_splits", "split_digits_indices"]

DIGITS_TRAIN_SIZE = 897
"""Digits left to train on."""

_TEST_SIZE = 540
_CONTROL_SIZE = 360
_BRIGHTEST = 16.0


@dataclass(frozen=True, kw_only=True, eq=False)
class DigitsIndices:
    """Which images of the data set belong to which split.

    Attributes:
        train: Rows to train on, shape [897], int64.
        control: Rows to measure with, shape [360], int64.
        test: Rows for the final report, shape [540], int64.
    """

    train: NDArray[np.int64]
    control: NDArray[np.int64]
    test: NDArray[np.int64]


def split_digits_indices(targets: NDArray[np.int64]) -> DigitsIndices:
    """Split rows into train, control and test, each with the classes in proportion.

    Args:
        targets: Class of every image of the data set, shape [1797], int64.

    Returns:
        Disjoint rows that together are all of them; the same on every call.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(targets))
    rest, test = train_test_split(rows, test_size=_TEST_SIZE, stratify=targets, random_state=0)
    train, control = train_test_split(
        rest, test_size=_CONTROL_SIZE, stratify=targets[rest], random_state=1
    )
    return DigitsIndices(train=train, control=control, test=test)


def load_digits_splits() -> Splits:
    """Load the digits from the scikit-learn package; nothing is downloaded.

    Returns:
        897 training, 360 control and 540 test images, [N, 1, 8, 8] float32 in [0, 1], on the CPU.
    """
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    rows = split_digits_indices(targets)

    def select(indices: NDArray[np.int64]) -> Split:
        pixels = torch.tensor(images[indices] / _BRIGHTEST, dtype=torch.float32)
        return Split(inputs=pixels.reshape(-1, 1, 8, 8), targets=torch.tensor(targets[indices]))

    return Splits(train=select(rows.train), control=select(rows.control), test=select(rows.test))

"""Grow a small MLP on a table of numbers, judged by a metric of one's own.

Friedman's first function: ten columns, five of which matter, and a target with noise. The metric is
the squared error, less of which is better; slots are proposed from the model's structure.
Run: ``python examples/tabular_mlp.py``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from sklearn.datasets import make_friedman1
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import tamiyo

if TYPE_CHECKING:
    from tamiyo.controller import Controller

MAX_PARAMETERS: Final = 800

Table = DataLoader[tuple[Tensor, ...]]


class Regressor(nn.Module):
    """A linear mix of the columns, one hidden layer of a few units, and a number."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(columns, width)
        self.hidden = nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.output = nn.Linear(width, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows of a table, [B, columns], to one number each, [B]."""
        numbers: Tensor = self.output(self.hidden(self.mix(rows)))
        return numbers.squeeze(1)


def build_model() -> nn.Module:
    """Build the network as it is before anything grows."""
    return Regressor(columns=10, width=6)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error of every row, [B], in units of the target's variance."""
    return (outputs - targets).square()


def load_data() -> tuple[Table, Table]:
    """Draw 2,000 rows to train on and 1,000 to measure with, always the same ones."""
    columns, targets = make_friedman1(n_samples=3_000, noise=0.5, random_state=0)
    rows = torch.tensor(columns, dtype=torch.float32)
    rows = 2 * rows - 1
    numbers = torch.tensor(targets, dtype=torch.float32)
    numbers = (numbers - numbers[:2_000].mean()) / numbers[:2_000].std()
    train = TensorDataset(rows[:2_000], numbers[:2_000])
    control = TensorDataset(rows[2_000:], numbers[2_000:])
    return DataLoader(train, batch_size=64, shuffle=True), DataLoader(control, batch_size=500)


def run(
    seed: int,
    *,
    epochs: int = 60,
    controller: str | Controller = "heuristic",
    progress: bool = False,
) -> tamiyo.GrowResult:
    """Train the network and grow it on the way.

    Args:
        seed: Seed of its initial weights and of everything drawn in training.
        epochs: Epochs to train.
        controller: Who decides; ``"wait-only"`` never grows anything.
        progress: Whether to print the run as it happens.
    """
    train, control = load_data()
    torch.manual_seed(seed)
    return tamiyo.grow(
        build_model(),
        train=train,
        control=control,
        epochs=epochs,
        optimizer=partial(torch.optim.AdamW, lr=0.005),
        loss=F.mse_loss,
        metric=squared_error,
        higher_is_better=False,
        controller=controller,
        max_parameters=MAX_PARAMETERS,
        seed=seed,
        progress=progress,
    )


def main() -> None:
    """Grow one network, train it alone, and print both."""
    grown = run(0, progress=True)
    alone = run(0, controller="wait-only")
    for name, one in (("alone", alone), ("grown", grown)):
        error = one.record.metric.to_value(one.result.control_accuracy)
        print(f"{name}: squared error {error:.4f}, {one.result.parameters:,} parameters")


if __name__ == "__main__":
    main()

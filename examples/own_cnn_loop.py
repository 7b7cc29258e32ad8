"""Grow a CNN of one's own in a training loop of one's own.

The loop is a plain PyTorch loop, SGD with a cosine schedule; the lines marked ``# grow`` are all
that was added to it. Run: ``python examples/own_cnn_loop.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset, TensorDataset

import tamiyo
from tamiyo.model import TamiyoModel

Loader = DataLoader[tuple[Tensor, ...]]

CLOSING_EPOCHS: Final = 5
"""Epochs at the end in which nothing is decided and what was not committed leaves."""
MAX_PARAMETERS: Final = 1_500
SLOTS: Final = ("block1", "block2")


class Cnn(nn.Module):
    """Two convolutions with a few channels, and a linear head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block1 = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.block2 = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU()
        )
        self.head = nn.Linear(2 * width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, 1, 8, 8] to one number per class, [B, 10]."""
        features = self.block2(F.max_pool2d(self.block1(images), 2))
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run left behind.

    Attributes:
        network: The grown network, a plain module.
        model: The model it grew in.
        accuracy: Percent of the control digits that it gets right.
    """

    network: nn.Module
    model: TamiyoModel
    accuracy: float


def build_model() -> nn.Module:
    """Build the network as it is before anything grows."""
    return Cnn(width=3)


def load_data(seed: int) -> tuple[Loader, Loader]:
    """Load digits to train on, in an order of that seed, and 600 others to measure with."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    pairs = TensorDataset(images, torch.tensor(digits.target))
    train, control = train_test_split(
        range(len(pairs)), test_size=600, random_state=0, stratify=digits.target
    )
    order = torch.Generator().manual_seed(seed)
    return (
        DataLoader(Subset(pairs, train), batch_size=64, shuffle=True, generator=order),
        DataLoader(Subset(pairs, control), batch_size=600),
    )


def run(seed: int, *, epochs: int = 50, controller: str = "heuristic") -> Outcome:
    """Train the network and grow it on the way.

    Args:
        seed: Seed of its initial weights and of the order of the data.
        epochs: Epochs to train.
        controller: Who decides; ``"wait-only"`` never grows anything.
    """
    torch.manual_seed(seed)
    model = build_model()
    train, control = load_data(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    example = next(iter(control))[0]  # grow
    model = tamiyo.attach(model, SLOTS, example, max_parameters=MAX_PARAMETERS)  # grow
    growing = tamiyo.GrowingOptimizer(model, optimizer)  # grow
    meter = tamiyo.EpochMeter(model, control, optimizer=growing)  # grow
    last_decision = epochs - CLOSING_EPOCHS  # grow
    tracker = tamiyo.SignalTracker(decision_epochs=last_decision)  # grow
    decider = tamiyo.build_controller(controller)  # grow
    signals = tracker.update(meter.initial)  # grow

    for epoch in range(1, epochs + 1):
        if epoch <= last_decision:  # grow
            model.apply_command(decider.decide(signals, model.report()).to_command())  # grow
        elif epoch == last_decision + 1:  # grow
            model.ramp_out_uncommitted(CLOSING_EPOCHS - 2)  # grow
        model.tick()  # grow

        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step()

        signals = tracker.update(meter.measure())  # grow

    network = tamiyo.detach(model).eval()  # grow
    return Outcome(network=network, model=model, accuracy=signals.control_accuracy)


def main() -> None:
    """Train one network alone, grow it, and print both."""
    for name, controller in (("alone", "wait-only"), ("grown", "heuristic")):
        outcome = run(0, controller=controller)
        parameters = outcome.model.count_parameters(committed_only=True)
        accuracy = f"{outcome.accuracy:.1f} % of the control digits right"
        print(f"{name}: {accuracy}, {parameters:,} parameters")


if __name__ == "__main__":
    main()

"""Grow a narrow ResNet of one's own with one call, ``tamiyo.grow``.

It sees two noisy digits side by side and tells how far apart they are, 0 to 9: |a - b|. Slots are
named by module path, the optimizer is AdamW with a cosine schedule.
Run: ``python examples/resnet.py``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F

import tamiyo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.controller import Controller

MAX_PARAMETERS: Final = 6_500
SLOTS: Final = ("layer2", "layer3")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a way around them (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        residual = F.relu(self.bn1(self.conv1(images)))
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self.downsample(images))


class ResNet(nn.Module):
    """A stem, three stages of one block each, and a linear head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.layer1 = nn.Sequential(BasicBlock(width, width, stride=1))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, stride=2))
        self.layer3 = nn.Sequential(BasicBlock(2 * width, 4 * width, stride=2))
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, 1, H, W] to one number per class, [B, 10]."""
        features: Tensor = self.layer3(self.layer2(self.layer1(self.stem(images))))
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits


def build_model() -> nn.Module:
    """Build the network as it is before anything grows."""
    return ResNet(width=3)


class Pairs:
    """Batches of pictures of two digits side by side, drawn afresh every time."""

    def __init__(self, digits: Tensor, labels: Tensor, batches: int) -> None:
        self._digits, self._labels, self._batches = digits, labels, batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self._batches):
            left, right = torch.randint(len(self._labels), (2, 64))
            pictures = torch.cat((self._digits[left], self._digits[right]), dim=3)
            noise = 0.1 * torch.randn_like(pictures)
            yield pictures + noise, (self._labels[left] - self._labels[right]).abs()


def load_data() -> tuple[Pairs, Pairs]:
    """Load digits to train on and digits to measure with; the split is always the same."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    train, control = train_test_split(
        range(len(labels)), test_size=600, random_state=0, stratify=labels
    )
    return Pairs(images[train], labels[train], 20), Pairs(images[control], labels[control], 16)


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
        optimizer=partial(torch.optim.AdamW, lr=0.03),
        scheduler=partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs),
        slots=SLOTS,
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
        accuracy, parameters = one.result.control_accuracy, one.result.parameters
        print(f"{name}: {accuracy:.1f} % of the control pairs right, {parameters:,} parameters")


if __name__ == "__main__":
    main()

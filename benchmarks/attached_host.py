"""Price of slots: the host of digits-canvas with empty slots against the plain module.

One batch of 64, forward alone (evaluation mode, no gradient) and forward and backward.
"""

from __future__ import annotations

import torch
from support.setting import DATA, build_attached, build_plain
from support.timing import Comparison, compare, run
from torch import nn
from torch.nn import functional as F

_PASSES = 20


def main() -> None:
    """Measure and print."""
    run(__doc__ or "", measure, repetitions=60)


def measure(repetitions: int) -> list[Comparison]:
    """Compare both kinds of passes."""
    attached, plain = build_attached(), build_plain()
    return [
        compare(
            f"{name}, {_PASSES} batches, slots against none",
            lambda passes=passes: passes(attached),
            lambda passes=passes: passes(plain),
            repetitions=repetitions,
            at_most=1.05,
        )
        for name, passes in (("forward", forward), ("forward and backward", backward))
    ]


def forward(network: nn.Module) -> None:
    """Run the network on a batch, several times."""
    network.eval()
    with torch.no_grad():
        for _ in range(_PASSES):
            network(DATA.example)


def backward(network: nn.Module) -> None:
    """Run and backpropagate, several times."""
    network.train()
    targets = DATA.control.targets[: len(DATA.example)]
    for _ in range(_PASSES):
        network.zero_grad(set_to_none=True)
        F.cross_entropy(network(DATA.example), targets).backward()


if __name__ == "__main__":
    main()

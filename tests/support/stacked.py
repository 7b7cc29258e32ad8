"""Layers of many networks, run at once and one by one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn

from tamiyo.engine.batched.bank import Bank, Chosen
from tamiyo.engine.batched.layers import as_samples, stack_module
from tamiyo.model import SqueezeExcite, drawing_from
from tamiyo.tasks import LearnedPositions

__all__ = [
    "LAYERS",
    "Case",
    "Run",
    "assert_runs_alike",
    "assert_runs_close",
    "draw_floats",
    "draw_symbols",
    "make_bank",
    "run_plainly",
    "run_stacked",
    "seeded",
]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def draw_floats(*shape):
    return lambda generator: torch.randn(shape, generator=generator)


def draw_symbols(symbols, *shape):
    return lambda generator: torch.randint(symbols, shape, generator=generator)


@dataclass(frozen=True)
class Case:
    """A layer, and how an input of one network is drawn."""

    build: object
    draw: object

    def build_for(self, network):
        with drawing_from(seeded(network)):
            layer = self.build()
            for parameter in layer.parameters():  # those that start at 0 or 1 as well
                parameter.data += 0.1 * torch.randn(parameter.shape)
        return layer

    def draw_for(self, network):
        drawn = self.draw(seeded(100 + network))
        return drawn.requires_grad_() if drawn.is_floating_point() else drawn


@dataclass
class Run:
    """What became of each network: outputs, gradients, and tensors afterwards."""

    outputs: list = field(default_factory=list)
    of_inputs: list = field(default_factory=list)
    of_parameters: list = field(default_factory=list)
    buffers: list = field(default_factory=list)

    def of(self, position):
        """All of one network, flat and named."""
        parts = {"output": self.outputs[position], "input": self.of_inputs[position]}
        parts |= {f"gradient {n}": g for n, g in self.of_parameters[position].items()}
        return parts | {f"buffer {n}": b for n, b in self.buffers[position].items()}


def weigh(outputs, network):
    """A loss of one network's outputs that gives every number its own gradient."""
    return (outputs * torch.randn(outputs.shape, generator=seeded(200 + network))).sum()


def make_bank(modules):
    bank = Bank(modules[0])
    for key, module in enumerate(modules):
        bank.add(key, module)
    return bank


def run_stacked(case, networks, *, training=True, chosen=None, passes=1):
    """Run networks at once; the numbers of each come from its own seed."""
    layers = [case.build_for(network).train(training) for network in networks]
    bank = make_bank(layers)
    stacked = stack_module(layers[0], bank).train(training)
    inputs = [case.draw_for(network) for network in networks]
    generators = tuple(seeded(300 + network) for network in networks)
    with bank.choosing(chosen or Chosen(generators=generators)):
        for _ in range(passes):
            samples = as_samples(stacked(torch.cat(inputs)))
    outputs = samples.chunk(len(networks))
    losses = [weigh(*pair) for pair in zip(outputs, networks, strict=True)]
    wanted = [*bank.leaves(), *(one for one in inputs if one.requires_grad)]
    if wanted:
        found = torch.autograd.grad(sum(losses), wanted, allow_unused=True)
        bank.take_gradients(found[: len(bank.leaves())], is_first=True)
        of_inputs = list(found[len(bank.leaves()) :]) or [None] * len(networks)
    else:
        of_inputs = [None] * len(networks)
    run = Run(outputs=list(outputs), of_inputs=of_inputs)
    for row, layer in enumerate(layers):
        trained = [entry for entry in bank.entries if entry.is_trained]
        run.of_parameters.append(
            {
                entry.names[0]: bank.gradients[row, entry.begin : entry.end].view(entry.shape)
                for entry in trained
            }
        )
        run.buffers.append({name: one.clone() for name, one in layer.named_buffers()})
    return run


def run_plainly(case, networks, *, training=True, passes=1):
    """Run each network by itself, as PyTorch does."""
    run = Run()
    for network in networks:
        layer = case.build_for(network).train(training)
        inputs = case.draw_for(network)
        random = any(isinstance(one, nn.Dropout) for one in layer.modules())
        with drawing_from(seeded(300 + network)) if random else nullcontext():
            for _ in range(passes):
                outputs = layer(inputs)
        if outputs.requires_grad:
            weigh(outputs, network).backward()
        run.outputs.append(outputs)
        run.of_inputs.append(inputs.grad)
        run.of_parameters.append(
            {name: one.grad for name, one in layer.named_parameters() if one.requires_grad}
        )
        run.buffers.append(dict(layer.named_buffers()))
    return run


def assert_runs_close(ours, theirs, tolerance=1e-5):
    """Assert that two runs agree, network by network."""
    assert len(ours.outputs) == len(theirs.outputs)
    for position in range(len(ours.outputs)):
        one, two = ours.of(position), theirs.of(position)
        assert one.keys() == two.keys()
        for name, tensor in one.items():
            torch.testing.assert_close(
                tensor, two[name], atol=tolerance, rtol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
            )


def assert_runs_alike(ours, position, theirs, other):
    """Assert that one network came to the same bytes in two runs."""
    one, two = ours.of(position), theirs.of(other)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        is_same = two[name] is tensor if tensor is None else torch.equal(tensor, two[name])
        assert is_same, f"{name} of a network depends on what stands beside it"


def _sequence():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


MAPS = draw_floats(7, 4, 5, 5)
LAYERS = {
    "pointwise convolution": Case(lambda: nn.Conv2d(4, 3, 1), MAPS),
    "convolution on small maps": Case(
        lambda: nn.Conv2d(2, 3, 3, padding=1), draw_floats(7, 2, 4, 4)
    ),
    "convolution of many channels on small maps": Case(
        lambda: nn.Conv2d(9, 4, 3, padding=1), draw_floats(16, 9, 3, 3)
    ),
    "convolution": Case(lambda: nn.Conv2d(4, 3, 3, padding=1), MAPS),
    "convolution with strides": Case(lambda: nn.Conv2d(4, 3, 3, stride=(1, 2), padding=2), MAPS),
    "convolution that widens": Case(lambda: nn.Conv2d(1, 9, 3, padding=1), draw_floats(7, 1, 5, 5)),
    "convolution of many channels": Case(
        lambda: nn.Conv2d(16, 17, 3, padding=1), draw_floats(7, 16, 5, 5)
    ),
    "depthwise convolution": Case(lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4), MAPS),
    "convolution in groups": Case(lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), MAPS),
    "linear": Case(lambda: nn.Linear(5, 3), draw_floats(7, 5)),
    "linear on sequences": Case(lambda: nn.Linear(5, 3, bias=False), draw_floats(7, 6, 5)),
    "embedding": Case(lambda: nn.Embedding(9, 5), draw_symbols(9, 7, 6)),
    "embedding with padding": Case(
        lambda: nn.Embedding(9, 5, padding_idx=2), draw_symbols(9, 7, 6)
    ),
    "positions": Case(lambda: LearnedPositions(9, 5), draw_floats(7, 6, 5)),
    "layer norm": Case(lambda: nn.LayerNorm(5), draw_floats(7, 6, 5)),
    "layer norm of an image": Case(lambda: nn.LayerNorm((5, 5), bias=False), MAPS),
    "bare layer norm": Case(lambda: nn.LayerNorm(5, elementwise_affine=False), draw_floats(7, 5)),
    "group norm": Case(lambda: nn.GroupNorm(2, 4), MAPS),
    "bare group norm": Case(lambda: nn.GroupNorm(1, 4, affine=False), MAPS),
    "batch norm": Case(lambda: nn.BatchNorm2d(4), MAPS),
    "bare batch norm": Case(lambda: nn.BatchNorm2d(4, affine=False), MAPS),
    "batch norm of batches": Case(lambda: nn.BatchNorm2d(4, track_running_stats=False), MAPS),
    "squeeze and excite": Case(lambda: SqueezeExcite(4), MAPS),
    "dropout": Case(lambda: nn.Dropout(0.4), MAPS),
    "maximum pool": Case(lambda: nn.MaxPool2d(2), MAPS),
    "overlapping maximum pool": Case(lambda: nn.MaxPool2d(3, stride=1, padding=1), MAPS),
    "average pool": Case(lambda: nn.AvgPool2d(2), MAPS),
    "adaptive pool": Case(lambda: nn.AdaptiveAvgPool2d(2), MAPS),
    "sequence": Case(_sequence, draw_floats(7, 2, 4, 4)),
    **{
        kind.__name__: Case(kind, draw_floats(3, 5))
        for kind in (
            nn.ReLU,
            nn.LeakyReLU,
            nn.ReLU6,
            nn.Hardtanh,
            nn.Identity,
            nn.GELU,
            nn.Sigmoid,
            nn.Tanh,
            nn.SiLU,
            nn.ELU,
            nn.Softplus,
        )
    },
}
"""Every registered layer, in several forms, by name."""

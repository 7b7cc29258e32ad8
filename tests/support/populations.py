"""Populations trained in two ways, side by side, and what they have to agree in."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import torch
from torch import nn

from tamiyo.engine import SequentialPopulation
from tamiyo.engine.batched import BatchedPopulation
from tests.support.tasks import EAGER, TINY, WAIT, build_tiny_data, build_tiny_host, make_member

__all__ = [
    "Pair",
    "assert_bytes_equal",
    "assert_reports_close",
    "assert_states_close",
    "build_normal_host",
    "build_wrapped_host",
    "make_batched",
]

TOLERANCE = 1e-5
DATA = build_tiny_data()


def build_normal_host():
    """The tiny host with BatchNorm and dropout.

    No convolution before a BatchNorm has a bias: its gradient is zero but for rounding, which Adam
    makes as large as any.
    """
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU()),
        nn.Sequential(nn.Dropout(0.2), nn.Conv2d(2, 2, 3, padding=1)),
        nn.AdaptiveAvgPool2d(2),
        nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 3)),
    )


class Wrapped(nn.Module):
    """A host whose slots run in whole passes."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        return self.network(inputs) * 1.5


def build_wrapped_host():
    return Wrapped(build_tiny_host())


def make_members(environments, host, *, data=DATA, lifecycle=EAGER, config=TINY, **settings):
    return [
        make_member(
            host,
            environment=environment,
            data=data,
            lifecycle=lifecycle,
            config=config,
            check_invariants=False,
            **settings,
        )
        for environment in environments
    ]


def make_batched(environments, host=build_tiny_host, **settings):
    return BatchedPopulation(make_members(environments, host, **settings))


class Pair:
    """The same environments trained one after the other and all at once."""

    def __init__(self, environments, host=build_tiny_host, *, tolerance=TOLERANCE, **settings):
        settings = {"host": host, **settings}
        self.tolerance = tolerance
        self.sequential = SequentialPopulation(make_members(environments, **settings))
        self.batched = BatchedPopulation(make_members(environments, **settings))
        assert_reports_close(self.batched.initial, self.sequential.initial)

    def step(self, commands=None):
        """Step both and compare the results; they are returned."""
        commands = commands or [WAIT] * len(self.batched.members)
        results = [population.step(commands) for population in (self.batched, self.sequential)]
        assert_reports_close(*results)
        return results[0]

    def live(self, commands_of, epochs):
        """Let every environment live: ``commands_of(environment, epoch)``; returns the stages."""
        stages = set()
        count = len(self.batched.members)
        for epoch in range(epochs):
            results = self.step([commands_of(environment, epoch) for environment in range(count)])
            stages |= {slot.stage for result in results for slot in result.host.slots}
        self.compare_states()
        return stages

    def close(self):
        """Let both close and compare what is committed."""
        populations = self.batched, self.sequential
        for population in populations:
            population.begin_closing()
        for _ in range(TINY.closing_epochs):
            closing = [
                population.step([None] * len(population.members)) for population in populations
            ]
            assert_reports_close(*closing)
        self.compare_states()
        assert_reports_close(*(population.judge() for population in populations))

    def compare_states(self):
        for ours, theirs in zip(self.batched.members, self.sequential.members, strict=True):
            assert_states_close(ours, theirs, tolerance=self.tolerance)
            assert ours.global_step == theirs.global_step


_POINTS_PER_UNIT = 100
"""Differences of small losses, in points, show a hundred times their rounding."""


def assert_states_close(ours, theirs, *, tolerance=TOLERANCE):
    """Assert that two members have the same parameters, buffers and generators."""
    one, two = ours.model.state_dict(), theirs.model.state_dict()
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(
            tensor, two[name], atol=tolerance, rtol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )
    for name, generator in ours.generators.items():
        assert torch.equal(generator.get_state(), theirs.generators[name].get_state()), name


def assert_reports_close(ours, theirs, path=""):
    """Assert that two reports agree.

    What is measured may differ by a tolerance, which is less than a single sample that is judged
    differently; all else is equal.
    """
    assert type(ours) is type(theirs), path
    if is_dataclass(ours):
        for field in fields(ours):
            name = field.name
            assert_reports_close(getattr(ours, name), getattr(theirs, name), f"{path}.{name}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), path
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_reports_close(*pair, f"{path}[{place}]")
    elif hasattr(ours, "keys"):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            assert_reports_close(ours[key], theirs[key], f"{path}[{key}]")
    elif isinstance(ours, float):
        torch.testing.assert_close(
            ours,
            theirs,
            atol=TOLERANCE * (_POINTS_PER_UNIT if _is_in_points(path) else 1),
            rtol=TOLERANCE,
            equal_nan=True,
            msg=lambda m: f"{path}: {m}",
        )
    else:
        assert ours == theirs, f"{path}: {ours} is not {theirs}"


def _is_in_points(path):
    return any(word in path for word in ("points", "velocity"))


def assert_bytes_equal(ours, theirs):
    """Assert that two members came to the same bytes."""
    one, two = ours.model.state_dict(), theirs.model.state_dict()
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), f"{name} depends on other environments"

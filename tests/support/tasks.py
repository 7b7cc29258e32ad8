"""A task of 64 images on which an epoch takes milliseconds, its hosts, members and commands."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    CurveChoice,
    LifecycleConfig,
    LifecycleOp,
    NullSink,
    PairedDifference,
    SeedStream,
    Style,
    TaskConfig,
    Tempo,
)
from tamiyo.engine import (
    EngineConfig,
    GrowingOptimizer,
    Member,
    SequentialPopulation,
    build_task_trainee,
)
from tamiyo.model import SeedMeasurement, attach
from tamiyo.tasks import HostRecipe, ShuffledData, Split, Splits, Task

__all__ = [
    "EAGER",
    "SLOTS",
    "TINY",
    "WAIT",
    "ListSink",
    "act",
    "build_model",
    "build_noisy_host",
    "build_tiny_data",
    "build_tiny_host",
    "build_tiny_task",
    "copy_state",
    "germinate",
    "lead",
    "make_member",
    "make_population",
    "make_worthy",
    "refuse_engine",
    "wake",
]

TINY = TaskConfig(
    name="tiny",
    num_classes=3,
    initial_loss=math.log(3),
    target_loss=0.05,
    max_epochs=80,
    closing_epochs=5,
    batches_per_epoch=3,
    batch_size=24,
    learning_rate=1e-2,
    final_learning_rate_fraction=0.1,
    rent_points=1.0,
)
SLOTS = {"r0c0": "block1", "r0c1": "block2", "r0c2": "pool"}
WAIT = AdaptationCommand()
EAGER = LifecycleConfig(
    incubate=False,
    ramp=False,
    min_blending_epochs=0,
    min_fossilize_contribution=0.0,
    contribution_errors=0.0,
    min_prune_age_epochs=0,
    embargo_epochs_after_prune=0,
)
"""Seeds may blend at full strength on their second epoch and leave at any time."""


class ListSink:
    """Keeps every event."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def build_tiny_data(batch_size=TINY.batch_size):
    """Noisy 6x6 images; the class is the third of the columns that is bright."""
    generator = torch.Generator().manual_seed(7)

    def split(size):
        targets = torch.randint(3, (size,), generator=generator)
        inputs = torch.rand((size, 1, 6, 6), generator=generator)
        for third in range(3):
            inputs[targets == third, :, :, 2 * third : 2 * third + 2] += 0.6
        return Split(inputs=inputs / 1.6, targets=targets)

    splits = Splits(train=split(64), control=split(50), test=split(50))
    return ShuffledData(splits, batch_size=batch_size)


def build_tiny_task():
    """The tiny task as a registry would hold it."""
    return Task(
        config=TINY,
        summary="tiny",
        host=HostRecipe(name="cnn", arguments={}),
        slots=SLOTS,
        family=(),
        load_data=build_tiny_data,
    )


def build_tiny_host():
    """85 parameters in an ``nn.Sequential`` that can be cut at every slot."""
    return nn.Sequential(
        OrderedDict(
            block1=nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()),
            block2=nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.ReLU()),
            pool=nn.AdaptiveAvgPool2d(2),
            head=nn.Sequential(nn.Flatten(), nn.Linear(8, 3)),
        )
    )


def build_noisy_host():
    """The same with running statistics and dropout on both sides of every slot."""
    return nn.Sequential(
        OrderedDict(
            block1=nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU()),
            block2=nn.Sequential(nn.Dropout(0.2), nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)),
            pool=nn.AdaptiveAvgPool2d(2),
            head=nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 3)),
        )
    )


class Wrapped(nn.Module):
    """A host that cannot be cut: its slots run in whole passes."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        return self.network(inputs)


def build_model(host=None, *, config=EAGER, whole=False, seed=3):
    """Attach slots to a host (the tiny one) with seeded weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        host = (host or build_tiny_host)()
    slots = {slot_id: f"network.{path}" for slot_id, path in SLOTS.items()} if whole else SLOTS
    return attach(
        Wrapped(host) if whole else host,
        slots,
        build_tiny_data().example,
        generator=torch.Generator().manual_seed(seed),
        config=config,
    )


def make_member(
    host=build_tiny_host,
    *,
    lifecycle=EAGER,
    environment=0,
    run_seed=0,
    sink=None,
    data=None,
    config=TINY,
    slots=SLOTS,
    **engine,
):
    """One environment of the tiny task that checks its own promises."""
    settings = EngineConfig(lifecycle=lifecycle, **{"check_invariants": True, **engine})
    return Member(
        config,
        data or build_tiny_data(),
        slots,
        lambda: build_task_trainee(host(), config),
        engine=settings,
        seeds=SeedStream(run_seed=run_seed, stream=environment),
        environment=environment,
        sink=sink or NullSink(),
    )


def lead(model, *, learning_rate=1e-2, seed_factor=1.0):
    """An Adam over the model's host that follows its growth; its hooks keep the leader alive."""
    adam = torch.optim.Adam(model.host.parameters(), lr=learning_rate, fused=True)
    return GrowingOptimizer(model, adam, seed_factor=seed_factor)


def make_population(environments, *, lifecycle=EAGER, host=build_tiny_host, sink=None):
    """Several environments of the tiny task."""
    data = build_tiny_data()
    return SequentialPopulation(
        [
            make_member(
                host,
                lifecycle=lifecycle,
                environment=environment,
                sink=sink,
                data=data,
                check_invariants=False,
            )
            for environment in environments
        ]
    )


def refuse_engine(_members, _kind):
    """Stand in for the choice of an engine where none can train the members."""
    message = "engine must be sequential, got batched"
    raise ConfigError(message)


def germinate(
    slot_id="r0c0",
    blueprint=Blueprint.CONV_LIGHT,
    style=Style.LINEAR_ADD,
    target=AlphaTarget.FULL,
    tempo=Tempo.FAST,
):
    """Plant a seed."""
    return AdaptationCommand(
        op=LifecycleOp.GERMINATE,
        slot_id=slot_id,
        blueprint=blueprint,
        style=style,
        tempo=tempo,
        alpha_target=target,
    )


def act(op, slot_id="r0c0", *, speed=AlphaSpeed.INSTANT, **fields):
    """Any other op on a slot."""
    if op == LifecycleOp.PRUNE:
        fields = {"alpha_speed": speed, "alpha_curve": CurveChoice.LINEAR, **fields}
    return AdaptationCommand(op=op, slot_id=slot_id, **fields)


def make_worthy(member, slot_id="r0c0"):
    """Let a holding seed have shown what the gate into the host asks for."""
    seed = member.model.slots[slot_id].seed
    gain = PairedDifference(points=50.0, points_error=0.0, loss=1.0, loss_error=0.0)
    seed.measured = SeedMeasurement(contribution=gain)
    seed.epochs_since_counterfactual, seed.improvement_points = 0, 1.0


def wake(model, seed=11):
    """Give every living seed a scale that is not zero, so that it changes the outputs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.seeds.values():
            module.scale.normal_(generator=generator)


def copy_state(model):
    """Copy every parameter and buffer of a module."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

"""Price of growing one's own model: a training step of an attached host against plain PyTorch.

Two comparisons for each host: with empty slots against the bare host, and with one live seed
against a module written by hand with the same layers. Both sides take forward pass, backward pass
and a step of fused Adam; in ours, Adam is led by a GrowingOptimizer. A host that is an
``nn.Sequential`` can be cut at its slots; wrapped in a module of its own, it cannot.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from support.setting import AT_ONCE
from support.timing import Comparison, compare, run
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaTarget,
    Blueprint,
    LifecycleOp,
    Style,
    Tempo,
)
from tamiyo.engine import GrowingOptimizer
from tamiyo.model import TamiyoModel, attach, drawing_from
from tamiyo.tasks import HostRecipe, build_host

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """A host, a batch for it and the seed that grows in it.

    Attributes:
        name: What to call it.
        recipe: How to build it.
        slots: Slot id to child.
        blueprint: What grows in the second slot.
        inputs: A batch.
        targets: What to learn, a class per row of logits.
    """

    name: str
    recipe: HostRecipe
    slots: dict[str, str]
    blueprint: Blueprint
    inputs: Tensor
    targets: Tensor


class Wrapped(nn.Module):
    """A host that only knows itself how its parts are run."""

    def __init__(self, stages: nn.Sequential) -> None:
        super().__init__()
        self.stages = stages

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the stages."""
        outputs: Tensor = self.stages(inputs)
        return outputs


class ByHand(nn.Module):
    """A host with a residual branch behind one of its stages."""

    def __init__(self, stages: nn.Sequential, stage: str, body: nn.Module, scale: Tensor) -> None:
        super().__init__()
        after = list(dict(stages.named_children())).index(stage) + 1
        self.before, self.after = stages[:after], stages[after:]
        self.body, self.scale = body, nn.Parameter(scale)

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the stages and the branch."""
        features = self.before(inputs)
        outputs: Tensor = self.after(features + self.scale * self.body(features))
        return outputs


def main() -> None:
    """Measure and print."""
    run(__doc__ or "", measure, repetitions=60)


def measure(repetitions: int) -> list[Comparison]:
    """Compare every host, cut and whole, without and with a seed."""
    return [
        compare(name, train(ours, case), train(reference, case), repetitions=repetitions, at_most=m)
        for case in list_cases()
        for way, wrap in (("cut", False), ("whole", True))
        for name, ours, reference, m in (
            (f"{case.name}, {way}, no seed", *build_without_seed(case, wrap=wrap), 1.03),
            (f"{case.name}, {way}, one live seed", *build_with_seed(case, wrap=wrap), 1.1),
        )
    ]


def list_cases() -> list[Case]:
    """List a convolutional network, a transformer and a perceptron, all small."""
    generator = torch.Generator().manual_seed(0)

    def draw(classes: int, *shape: int) -> Tensor:
        return torch.randint(classes, shape, generator=generator)

    return [
        Case(
            name="CNN",
            recipe=HostRecipe(
                name="cnn", arguments={"channels": 16, "blocks": 3, "num_classes": 10}
            ),
            slots={"r0c0": "block1", "r0c1": "block2", "r0c2": "block3"},
            blueprint=Blueprint.CONV_LIGHT,
            inputs=torch.rand(64, 1, 16, 16, generator=generator),
            targets=draw(10, 64),
        ),
        Case(
            name="transformer",
            recipe=HostRecipe(
                name="gpt",
                arguments={
                    "head_width": 16,
                    "heads": 4,
                    "blocks": 2,
                    "context": 64,
                    "vocabulary": 64,
                },
            ),
            slots={"r0c0": "block1", "r0c1": "block2"},
            blueprint=Blueprint.MLP_SMALL,
            inputs=draw(64, 16, 64),
            targets=draw(64, 16 * 64),
        ),
        Case(
            name="MLP",
            recipe=HostRecipe(
                name="mlp", arguments={"width": 256, "blocks": 3, "inputs": 64, "outputs": 10}
            ),
            slots={"r0c0": "block1", "r0c1": "block2", "r0c2": "block3"},
            blueprint=Blueprint.MLP_SMALL,
            inputs=torch.rand(128, 64, generator=generator),
            targets=draw(10, 128),
        ),
    ]


def build_stages(case: Case) -> nn.Sequential:
    """Build the host; always the same weights."""
    with drawing_from(torch.Generator().manual_seed(0)):
        stages = build_host(case.recipe)
    assert isinstance(stages, nn.Sequential)
    return stages


def build_attached(case: Case, *, wrap: bool) -> TamiyoModel:
    """Build the host with empty slots."""
    stages = build_stages(case)
    return attach(
        Wrapped(stages) if wrap else stages,
        {slot_id: f"stages.{path}" if wrap else path for slot_id, path in case.slots.items()},
        case.inputs,
        generator=torch.Generator().manual_seed(0),
        config=AT_ONCE,
    )


def build_without_seed(case: Case, *, wrap: bool) -> tuple[nn.Module, nn.Module]:
    """Build the attached host and the bare one."""
    stages = build_stages(case)
    return build_attached(case, wrap=wrap), Wrapped(stages) if wrap else stages


def build_with_seed(case: Case, *, wrap: bool) -> tuple[nn.Module, nn.Module]:
    """Build the attached host with one live seed, and its like by hand.

    Raises:
        RuntimeError: If the seed cannot be planted, or the two are not the same function.
    """
    model, slot_id = build_attached(case, wrap=wrap), "r0c1"
    plant = AdaptationCommand(
        op=LifecycleOp.GERMINATE,
        slot_id=slot_id,
        blueprint=case.blueprint,
        style=Style.LINEAR_ADD,
        tempo=Tempo.FAST,
        alpha_target=AlphaTarget.FULL,
    )
    for command in (plant, AdaptationCommand(op=LifecycleOp.ADVANCE, slot_id=slot_id)):
        outcome = model.apply_command(command)
        if not outcome.executed:
            message = f"the benchmark's commands must be legal, got {outcome.refusal}"
            raise RuntimeError(message)
    seed = model.seeds[slot_id]
    nn.init.constant_(seed.scale, 0.1)
    by_hand = ByHand(
        build_stages(case), case.slots[slot_id], deepcopy(seed.body), seed.scale.detach().clone()
    )
    if not torch.allclose(model(case.inputs), by_hand(case.inputs), atol=1e-5):
        message = f"both sides must give the same numbers, got a difference in {case.name}"
        raise RuntimeError(message)
    return model, by_hand


def train(network: nn.Module, case: Case) -> Callable[[], None]:
    """Prepare Adam and return what takes several training steps."""
    host = network.host if isinstance(network, TamiyoModel) else network
    adam = torch.optim.Adam(host.parameters(), lr=1e-4, fused=True)
    if isinstance(network, TamiyoModel):
        GrowingOptimizer(network, adam, seed_factor=0.5)  # kept alive by its hooks

    def step() -> None:
        for _ in range(_STEPS):
            adam.zero_grad()
            logits = network(case.inputs).flatten(0, -2)
            F.cross_entropy(logits, case.targets).backward()
            adam.step()

    return step


if __name__ == "__main__":
    main()

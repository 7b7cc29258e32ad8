"""The populations that the engine's benchmark trains: hosts, their data, and seeds in them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from support.setting import AT_ONCE, wake
from torch import nn

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaTarget,
    Blueprint,
    LifecycleOp,
    NullSink,
    SeedStream,
    Style,
    TaskConfig,
    Tempo,
)
from tamiyo.engine import EngineConfig, Member, build_task_trainee
from tamiyo.tasks import (
    HostRecipe,
    ShuffledData,
    TaskData,
    TextConfig,
    TextData,
    build_host,
    get_task,
    load_digits_splits,
    load_text,
)

if TYPE_CHECKING:
    from tamiyo.contracts import LifecycleConfig

EIGHT_BLUEPRINTS: Final = (
    Blueprint.CONV_LIGHT,
    Blueprint.ATTENTION,
    Blueprint.NORM,
    Blueprint.DEPTHWISE,
    Blueprint.BOTTLENECK,
    Blueprint.CONV_SMALL,
    Blueprint.CONV_HEAVY,
    Blueprint.LORA,
)
_BLOCKS: Final = MappingProxyType({"r0c0": "block1", "r0c1": "block2", "r0c2": "block3"})
_TEXT: Final = TextConfig(context=64, windows_per_epoch=160, held_out_windows=26)
"""A tenth of an epoch of stdlib-text, and as much less to validate on."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A host and what it learns.

    Attributes:
        name: What to call it.
        config: The task's numbers.
        data: What it is trained on; read only.
        slots: Slot id to module path.
        build: Builds the host.
    """

    name: str
    config: TaskConfig
    data: TaskData
    slots: Mapping[str, str]
    build: Callable[[], nn.Module]

    def members(self, count: int, lifecycle: LifecycleConfig = AT_ONCE) -> list[Member]:
        """Build environments of it."""
        return [
            Member(
                self.config,
                self.data,
                self.slots,
                lambda: build_task_trainee(self.build(), self.config),
                engine=EngineConfig(lifecycle=lifecycle),
                seeds=SeedStream(run_seed=0, stream=environment),
                environment=environment,
                sink=NullSink(),
            )
            for environment in range(count)
        ]

    def seeded_members(self, count: int, *blueprints: Blueprint) -> list[Member]:
        """Build environments with a live seed in every slot, the blueprints in turn."""
        members = self.members(count)
        for environment, member in enumerate(members):
            for slot_id in self.slots:
                plant(member, slot_id, blueprints[environment % len(blueprints)])
            wake(member.model)
        return members


def plant(member: Member, slot_id: str, blueprint: Blueprint) -> None:
    """Let a seed live at full strength in a slot.

    Raises:
        RuntimeError: If that is not legal.
    """
    for command in (
        germinate(slot_id, blueprint),
        AdaptationCommand(op=LifecycleOp.ADVANCE, slot_id=slot_id),
    ):
        outcome = member.model.apply_command(command)
        if not outcome.executed:
            message = f"the benchmark's commands must be legal, got {outcome.refusal}"
            raise RuntimeError(message)


def germinate(slot_id: str, blueprint: Blueprint) -> AdaptationCommand:
    """Command that plants a seed."""
    return AdaptationCommand(
        op=LifecycleOp.GERMINATE,
        slot_id=slot_id,
        blueprint=blueprint,
        style=Style.LINEAR_ADD,
        tempo=Tempo.FAST,
        alpha_target=AlphaTarget.FULL,
    )


@cache
def small_cnn() -> Case:
    """358 parameters on digits: two blocks of four channels without a normalizer."""
    recipe = get_task("digits-cnn").host
    arguments = {**recipe.arguments, "channels": 4, "normalization": "none"}
    return _from_task("CNN, 358 parameters", "digits-cnn", replace(recipe, arguments=arguments))


@cache
def wide_cnn(batch_size: int, channels: tuple[int, int, int] = (16, 32, 64)) -> Case:
    """Three blocks with batch normalization on digits; 24 k parameters in the usual widths."""
    return Case(
        name=f"CNN of {'/'.join(map(str, channels))} channels, batch {batch_size}",
        config=replace(get_task("digits-cnn").config, learning_rate=1e-3),
        data=ShuffledData(load_digits_splits(), batch_size=batch_size),
        slots=_BLOCKS,
        build=partial(_build_wide, channels),
    )


@cache
def small_mlp() -> Case:
    """The host of digits-mlp."""
    return _from_task("MLP of digits-mlp", "digits-mlp", get_task("digits-mlp").host)


@cache
def large_mlp() -> Case:
    """A million parameters on digits."""
    arguments = {"width": 700, "blocks": 3, "inputs": 64, "outputs": 10}
    case = _from_task(
        "MLP of a million parameters", "digits-mlp", HostRecipe(name="mlp", arguments=arguments)
    )
    return replace(case, config=replace(case.config, learning_rate=1e-3), slots=_BLOCKS)


@cache
def transformer() -> Case:
    """The host of stdlib-text in epochs of 10 batches."""
    task = get_task("stdlib-text")
    return Case(
        name="transformer of stdlib-text",
        config=task.config,
        data=TextData(load_text(), _TEXT, batch_size=task.config.batch_size),
        slots=task.slots,
        build=partial(build_host, task.host),
    )


@cache
def canvas_cnn() -> Case:
    """The main task."""
    return _from_task("CNN of digits-canvas", "digits-canvas", get_task("digits-canvas").host)


def _from_task(name: str, task_name: str, recipe: HostRecipe) -> Case:
    task = get_task(task_name)
    return Case(
        name=name,
        config=task.config,
        data=task.load_data(),
        slots=task.slots,
        build=partial(build_host, recipe),
    )


def _build_wide(channels: tuple[int, int, int]) -> nn.Module:
    one, two, three = channels
    return nn.Sequential(
        OrderedDict(
            block1=_build_block(1, one, nn.MaxPool2d(2)),
            block2=_build_block(one, two, nn.MaxPool2d(2)),
            block3=_build_block(two, three),
            pool=nn.AdaptiveAvgPool2d(1),
            head=nn.Sequential(nn.Flatten(), nn.Linear(three, 10)),
        )
    )


def _build_block(inputs: int, outputs: int, *behind: nn.Module) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), *behind)

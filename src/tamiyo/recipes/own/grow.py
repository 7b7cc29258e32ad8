"""Grow a model of the user's own: one call around a whole training run."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from torch.nn import functional as F

from tamiyo.contracts import encode_record
from tamiyo.recipes.own.preparing import (
    GrowSettings,
    OwnRun,
    build_own_config,
    build_own_trainee,
    choose_slots,
    copy_before_training,
    describe_own_task,
    load_own_data,
)
from tamiyo.recipes.own.result import GrowResult, finish_growing
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.recipes.stopping import StopRequest
from tamiyo.recipes.twin import record_twin
from tamiyo.telemetry import FanOutSink, JsonlSink, MemorySink
from tamiyo.ui import ProgressSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from tamiyo.contracts import EventSink
    from tamiyo.controller import Controller
    from tamiyo.recipes.own.preparing import BuildOptimizer, BuildScheduler
    from tamiyo.tasks import Batches, Judgement

__all__ = ["grow"]


def grow(  # noqa: PLR0913  # one call with everything a training run consists of
    model: nn.Module,
    *,
    train: Batches,
    control: Batches,
    epochs: int,
    optimizer: Optimizer | BuildOptimizer,
    slots: Mapping[str, str] | Sequence[str] | None = None,
    loss: Judgement = F.cross_entropy,
    metric: Judgement | None = None,
    higher_is_better: bool = True,
    scheduler: LRScheduler | BuildScheduler | None = None,
    test: Batches | None = None,
    controller: str | Controller = "heuristic",
    max_parameters: int | None = None,
    seed: int = 0,
    twin: bool = False,
    out: Path | str | None = None,
    overwrite: bool = False,
    settings: GrowSettings | None = None,
    progress: bool = True,
    sink: EventSink | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> GrowResult:
    """Train a model and grow it while it trains.

    Args:
        model: Any module. It is trained in place, as by any training loop; its code and structure
            stay as they are.
        train: Batches to learn from, pairs of inputs and targets: a ``DataLoader``, a list, or
            anything else that can be gone through every epoch. Inputs are what the model is called
            with; a tuple is spread over its positional arguments, a mapping over its named ones.
        control: Batches that decisions and the metric are measured on; never trained on.
        epochs: Epochs to train, the closing ones included.
        optimizer: Optimizer over the model's parameters, or what builds one from parameters.
        slots: Paths of modules whose outputs seeds may work on, or slot id to path; proposed from
            the model's structure if not given.
        loss: Maps outputs and targets to one positive number to minimize.
        metric: Maps outputs and targets to one number per sample, [B], or one per batch. If not
            given, cross-entropy is judged by accuracy and any other loss by itself.
        higher_is_better: Whether larger values of the metric are better; they should then lie in
            [0, 1]. If smaller ones are, 0 should be the best.
        scheduler: Learning-rate scheduler of that optimizer, or what builds one from it; stepped
            after every epoch, a ``ReduceLROnPlateau`` with the control loss.
        test: Batches for the final report only.
        controller: Name of a controller, ``schedule:PATH``, ``learned:PATH``, or a controller.
        max_parameters: Budget for all trainable parameters; ``None`` for no budget.
        seed: Seed of everything that Tamiyo draws, loaders and dropout included.
        twin: Whether to train a copy of the model without growth as well, to compare with;
            optimizer and scheduler must then be given as what builds them.
        out: Folder for the run's files: configuration, events, export, result.
        overwrite: Whether an earlier run there may be replaced.
        settings: What is rarely changed.
        progress: Whether to print the run as it happens.
        sink: Where events go as well.
        should_stop: Asked after every epoch; true ends the run there, with all it has. Ctrl-C does
            the same, a second one stops at once.

    Returns:
        The grown network with its record. The optimizer is handed back with the model's own
        parameters; the network has parameters of its own.

    Raises:
        TamiyoError: If something about the model, its slots, the data or the settings cannot work;
            nothing was trained then.
    """
    settings = settings or GrowSettings()
    data = load_own_data(train, control, test, loss, metric)
    paths = choose_slots(model, slots, data)
    task = describe_own_task(model, data, epochs, settings, higher_is_better=higher_is_better)
    run = OwnRun(
        config=build_own_config(task, controller, seed, max_parameters, settings),
        task=task,
        data=data,
        slots=paths,
        build=partial(build_own_trainee, model, optimizer, scheduler),
        build_twin=copy_before_training(model, optimizer, scheduler) if twin else None,
    )
    kept = MemorySink()
    relay = FanOutSink(kept)
    own = None if isinstance(controller, str) else controller
    alone = run.begin(sink=relay, controller=own)
    (member,) = alone.members
    with ExitStack() as stack:
        stack.callback(member.optimizer.release)
        stop = stack.enter_context(StopRequest(should_stop))
        folder = None if out is None else RunFolder(Path(out))
        if folder is not None:
            folder.create(run.encode(), overwrite=overwrite)
            relay.add(stack.enter_context(JsonlSink(folder.events)))
        if progress:
            relay.add(stack.enter_context(ProgressSink(Console())))
        if sink is not None:
            relay.add(sink)
        with alone:
            (outcome,) = alone.run(stop)
        if folder is not None:
            finish_growing(member.model, outcome.result, kept).save(folder.export)
            folder.write_result(encode_record(outcome.result))
        if twin:
            record_twin(run.begin_twin, relay, stop)
    return finish_growing(member.model, outcome.result, kept)

"""From a training on the surrogate to networks that its policy grows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tamiyo
from tamiyo.contracts import DecisionMade, LifecycleOp, NullSink
from tamiyo.engine import EngineConfig, EngineKind, ask_for_equal_bits
from tamiyo.environment import SurrogateConfig
from tamiyo.learning import Checkpoint, TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import (
    GrowSettings,
    RunConfig,
    TrainConfig,
    build_effective_task,
    build_task_lockstep,
    export_policy,
    train_controller,
)
from tests.support.commands import call
from tests.support.tasks import EAGER, ListSink

DECISIONS = 4
TASK = ["--task", "digits-mlp", "--epochs", str(DECISIONS + 10)]
TRAINING = TrainConfig(
    envs=4,
    learner=TrainerConfig(
        total_steps=2 * 4 * DECISIONS, network=NetworkConfig(hidden=8, slot_hidden=4)
    ),
    surrogate=SurrogateConfig(slots=3, max_epochs=DECISIONS + 5),
)
"""Two updates on hosts with three slots; a task's has two."""


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training whose policy was stirred, since after two updates it only waits."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    file = train_controller(TRAINING, folder, sink=NullSink()).folder.checkpoint
    checkpoint, generator = Checkpoint.load(file), torch.Generator().manual_seed(2)
    network = {
        name: weights + 0.5 * torch.randn(weights.shape, generator=generator)
        for name, weights in sorted(checkpoint.groups["network"].items())
    }
    groups = {**checkpoint.groups, "network": network}
    file.write_bytes(replace(checkpoint, groups=groups).encode())
    return folder


def read_decisions(events):
    return [event for event in events if isinstance(event, DecisionMade)]


def grow_side_by_side(name, seeds, engine):
    config = RunConfig(
        task="digits-mlp",
        controller=name,
        epochs=DECISIONS + 10,
        engine=EngineConfig(engine=engine, lifecycle=EAGER),
    )
    task, sinks = build_effective_task(config), []

    def build_sink():
        sinks.append(ListSink())
        return sinks[-1]

    data = task.load_data()
    with build_task_lockstep(config, task, data, seeds=seeds, build_sink=build_sink) as lockstep:
        assert lockstep.engine.kind == engine
        outcomes = lockstep.run()
    return outcomes, [sink.events for sink in sinks]


def test_a_host_has_the_same_bytes_beside_another_and_other_engines_decide_alike(run):
    ask_for_equal_bits()
    name = f"learned:{run}"
    outcomes, events = grow_side_by_side(name, [3, 4], EngineKind.BATCHED)
    (alone,), (told,) = grow_side_by_side(name, [3], EngineKind.BATCHED)
    assert (outcomes[0], events[0]) == (alone, told)
    _, (other,) = grow_side_by_side(name, [3], EngineKind.SEQUENTIAL)
    # Engines differ in the last bits, which later epochs amplify.
    assert read_decisions(other)[:2] == read_decisions(told)[:2]
    assert {len(read_decisions(each)) for each in (*events, other)} == {DECISIONS}
    assert {decision.command.op for decision in read_decisions(told)} > {LifecycleOp.GERMINATE}


def test_a_network_is_grown_from_the_command_line_with_a_policy_alone(run, capsys, tmp_path):
    export_policy(str(run), tmp_path / "policy.safetensors")
    shown = []
    for name in (f"learned:{run}", str(tmp_path / "policy.safetensors")):
        out = tmp_path / str(len(shown))
        words = ["grow", *TASK, "--controller", name, "--out", out, "--no-twin", "--json"]
        code, printed, err = call(capsys, *words)
        assert (code, err) == (0, "")
        shown.append(json.loads(printed))
        assert len(json.loads((out / "config.json").read_text())["run"]["policy_sha256"]) == 64
    assert [content.pop("controller") for content in shown] == [f"learned:{run}", name]
    first, second = ({**content, "folder": None, "picture": None} for content in shown)
    assert first == second


@pytest.mark.slow
def test_it_stands_in_a_comparison_by_the_path_of_its_folder(run, capsys):
    names = f"wait-only,{run}"
    words = ["compare", *TASK, "--controllers", names, "--seeds", "2", "--workers", "1", "--json"]
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    compared = json.loads(out)
    assert [row["name"] for row in compared["rows"]][:2] == ["wait-only", str(run)]
    assert compared["grown"] == str(run)


@pytest.mark.requirement("2.1")
def test_what_it_was_not_trained_for_is_refused_before_anything_is_written(run, capsys, tmp_path):
    out = tmp_path / "run"
    words = ["grow", "--task", "digits-mlp", "--controller", run, "--epochs", "40", "--out", out]
    code, _, err = call(capsys, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert (
        f"must be the {DECISIONS} that {run} was trained for, got 30: with {DECISIONS + 10} epochs"
        in err
    )
    probe = ["train", "--env", "tamiyo/ProbeActionOnly-v0", "--envs", "2", "--total-steps", "8"]
    assert call(capsys, *probe, "--out", tmp_path / "probe", "--json")[0] == 0
    words = ["grow", "--task", "digits-mlp", "--controller", tmp_path / "probe", "--epochs", "11"]
    code, _, err = call(capsys, *words, "--out", out)
    assert (code, err.count("\n")) == (2, 1)
    assert "must have the policy's layout" in err
    assert not out.exists()


def test_a_model_of_ones_own_is_grown_by_it(run):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(48, 4, generator=generator)
    targets = inputs[:, :2].sin().sum(dim=1, keepdim=True)
    batches = [(inputs[i : i + 16], targets[i : i + 16]) for i in (0, 16, 32)]
    sink = ListSink()
    tamiyo.grow(
        nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)),
        train=batches,
        control=batches,
        epochs=DECISIONS + 2,
        slots=["1"],
        loss=F.mse_loss,
        optimizer=partial(torch.optim.SGD, lr=0.05),
        controller=f"learned:{run}",
        settings=GrowSettings(closing_epochs=2, engine=EngineConfig(lifecycle=EAGER)),
        progress=False,
        sink=sink,
    )
    assert len(read_decisions(sink.events)) == DECISIONS

"""Populations of hosts on sequences and vectors, of random lives, and of any size."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    LifecycleConfig,
    LifecycleOp,
    Style,
    Tempo,
)
from tamiyo.tasks import NEXT_BYTE, HostRecipe, ShuffledData, Split, Splits, build_host
from tests.support.populations import (
    Pair,
    assert_bytes_equal,
    build_normal_host,
    make_batched,
)
from tests.support.stacked import seeded
from tests.support.tasks import EAGER, TINY, WAIT, act, germinate

ADVANCE = LifecycleOp.ADVANCE
NUMBERED = {"r0c0": "0", "r0c1": "1", "r0c2": "2"}
GPT = HostRecipe(
    name="gpt",
    arguments={"head_width": 4, "heads": 2, "blocks": 1, "context": 6, "vocabulary": 5},
)
MLP = HostRecipe(name="mlp", arguments={"width": 6, "blocks": 2, "inputs": 4, "outputs": 3})
SEQUENCE_BLUEPRINTS = ["NORM", "ATTENTION", "FLEX_ATTENTION", "LORA", "MLP_SMALL", "MLP"]
VECTOR_BLUEPRINTS = ["NORM", "LORA", "LORA_LARGE", "MLP_SMALL", "MLP"]


def build_text():
    """Sequences of five symbols, each of which is often followed by the next."""

    def split(size, seed):
        symbols = torch.randint(2, (size, 7), generator=seeded(seed)).cumsum(dim=1) % 5
        return Split(inputs=symbols[:, :-1], targets=symbols[:, 1:])

    splits = Splits(train=split(32, 1), control=split(20, 2), test=split(20, 3))
    return ShuffledData(splits, batch_size=4, objective=NEXT_BYTE)


def build_points():
    def split(size, seed):
        inputs = torch.randn(size, 4, generator=seeded(seed))
        return Split(inputs=inputs, targets=inputs[:, :3].argmax(dim=1))

    return ShuffledData(
        Splits(train=split(48, 1), control=split(30, 2), test=split(30, 3)), batch_size=6
    )


def seed_every_style(blueprint):
    def command_of(environment, epoch):
        if epoch == 0:
            return germinate("r0c0", Blueprint[blueprint], Style(environment))
        return act(ADVANCE, "r0c0") if epoch == 2 else WAIT

    return command_of


@pytest.mark.parametrize("blueprint", SEQUENCE_BLUEPRINTS)
def test_seeds_in_sequences_train_as_they_do_alone(blueprint):
    config = replace(TINY, num_classes=5, initial_loss=math.log(5), learning_rate=3e-3)
    pair = Pair(
        range(4),
        lambda: build_host(GPT),
        data=build_text(),
        slots={"r0c0": "block1"},
        config=config,
    )
    pair.live(seed_every_style(blueprint), 7)
    assert pair.batched.members[0].global_step == 56


@pytest.mark.parametrize("blueprint", VECTOR_BLUEPRINTS)
def test_seeds_on_vectors_train_as_they_do_alone(blueprint):
    pair = Pair(
        range(4), lambda: build_host(MLP), data=build_points(), slots={"r0c0": "block1"}
    )
    pair.live(seed_every_style(blueprint), 7)
    assert pair.batched.members[0].global_step == 56


COMMANDS = st.builds(
    AdaptationCommand,
    op=st.sampled_from(LifecycleOp),
    slot_id=st.sampled_from(["r0c0", "r0c1"]),
    blueprint=st.sampled_from([Blueprint.NORM, Blueprint.CONV_SMALL, Blueprint.ATTENTION]),
    style=st.sampled_from(Style),
    tempo=st.sampled_from(Tempo),
    alpha_target=st.sampled_from(AlphaTarget),
    alpha_speed=st.sampled_from(AlphaSpeed),
    alpha_curve=st.sampled_from(CurveChoice),
)


@pytest.mark.slow
@given(
    commands=st.lists(st.lists(COMMANDS, min_size=3, max_size=3), min_size=2, max_size=6),
    incubates=st.booleans(),
)
@settings(max_examples=8)
def test_any_lives_are_lived_as_alone(commands, incubates):
    lifecycle = LifecycleConfig(incubate=True, min_shadow_gain=0.0) if incubates else EAGER
    pair = Pair(range(3), lifecycle=lifecycle)
    for row in commands:
        pair.step(row)
    pair.compare_states()


LIFE = [
    germinate("r0c0", Blueprint.CONV_LIGHT, Style.GATED_GATE),
    germinate("r0c2", Blueprint.ATTENTION, Style.LINEAR_MULTIPLY),
    act(ADVANCE, "r0c0"),
    act(ADVANCE, "r0c2"),
    germinate("r0c1", Blueprint.MLP_SMALL),
    act(LifecycleOp.PRUNE, "r0c2"),
]


def run_lives(environments):
    """Let each environment live by its own number alone; its member and its reports."""
    lifecycle = LifecycleConfig(incubate=True, min_prune_age_epochs=0, min_shadow_gain=0.0)
    population = make_batched(
        environments, build_normal_host, slots=NUMBERED, lifecycle=lifecycle
    )
    rows = [
        population.step([LIFE[(epoch + environment) % len(LIFE)] for environment in environments])
        for epoch in range(6)
    ]
    judged = population.judge()
    return {
        environment: (population.members[place], [row[place] for row in rows], judged[place])
        for place, environment in enumerate(environments)
    }


@pytest.mark.slow
def test_an_environment_comes_to_the_same_bytes_in_any_company():
    few = run_lives([3, 0])
    for environments in ([0, 3, 1, 5, 2], [2, 5, 0, 1, 3], [*range(4, 32), 0, 1, 2, 3]):
        many = run_lives(environments)
        for environment, (member, rows, judged) in few.items():
            ours, own_rows, own_judged = many[environment]
            assert_bytes_equal(ours, member)
            assert own_rows == rows
            assert own_judged == judged

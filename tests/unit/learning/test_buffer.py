from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from tamiyo.contracts import ActionSpec, ConfigError, InvariantError, ObservationSpec, ShapeError
from tamiyo.learning.buffer import Rollout, TamiyoRolloutBuffer, check_coherence
from tests.support.rollouts import build_network, collect_rollout, edit

PARTS = [part for part in fields(Rollout) if part.name != "cut_values"]


def build_buffer(**changes):
    settings = {
        "steps": 2,
        "num_envs": 2,
        "observation": ObservationSpec(size=3),
        "actions": ActionSpec.independent([2, 2]),
        "state_shape": (1, 5),
    }
    return TamiyoRolloutBuffer(**settings | changes)


def build_row(buffer, *, step=0):
    """One step in which every number names its field, step and environment."""
    row = {}
    for number, part in enumerate(PARTS):
        like = getattr(buffer._storage, part.name)[0]
        tags = torch.tensor([1000 * number + 10 * step, 1000 * number + 10 * step + 1])
        shape = [1] * like.dim()
        shape[part.metadata["axes"].index("N") - 1] = 2
        row[part.name] = tags.reshape(shape).expand(like.shape).to(like.dtype)
    return row


@pytest.mark.requirement("5.1")
def test_every_field_of_a_transition_comes_back_from_its_row():
    buffer = build_buffer()
    rows = [build_row(buffer, step=step) for step in range(2)]
    for row in rows:
        buffer.add(**row)
    buffer.finish(torch.tensor([7.0, 8.0]))
    for part in PARTS:
        stored = getattr(buffer.rollout, part.name)
        assert torch.equal(stored, torch.stack([row[part.name] for row in rows])), part.name
    assert buffer.rollout.cut_values.tolist() == [7.0, 8.0]


def test_what_is_stored_is_detached_and_a_copy():
    buffer = build_buffer(steps=1)
    row = build_row(buffer)
    values = torch.ones(2, requires_grad=True)
    buffer.add(**row | {"values": values * 2})
    with torch.no_grad():
        values.zero_()
    assert not buffer._storage.values.requires_grad
    assert buffer._storage.values.tolist() == [[2.0, 2.0]]


def test_storage_is_used_again():
    buffer = build_buffer(steps=1)
    places = [getattr(buffer._storage, part.name).data_ptr() for part in PARTS]
    for _ in range(2):
        buffer.clear()
        buffer.add(**build_row(buffer))
        assert buffer.is_full
        buffer.finish(torch.zeros(2))
    assert [getattr(buffer.rollout, part.name).data_ptr() for part in PARTS] == places


def test_a_partial_rollout_goes_on_in_another_buffer_and_a_finished_one_does_not():
    buffer, other = build_buffer(steps=3), build_buffer(steps=3)
    rows = [build_row(buffer, step=step) for step in range(3)]
    assert (buffer.is_partial, buffer.state_dict()) == (False, {})
    for row in rows[:2]:
        buffer.add(**row)
    other.load_state_dict(buffer.state_dict())
    assert other.is_partial
    assert other.valid_steps == 4
    for one in (buffer, other):
        one.add(**rows[2])
        one.finish(torch.zeros(2))
    for part in PARTS:
        ours, theirs = (getattr(one.rollout, part.name) for one in (other, buffer))
        assert torch.equal(ours, theirs), part.name
    assert (buffer.is_partial, buffer.state_dict()) == (False, {})


def test_what_a_buffer_saved_no_longer_changes():
    buffer = build_buffer()
    buffer.add(**build_row(buffer))
    saved = buffer.state_dict()
    before = saved["actions"].clone()
    buffer.clear()
    buffer.add(**build_row(buffer, step=1))
    assert torch.equal(saved["actions"], before)


def test_a_partial_rollout_without_a_field_or_of_another_size_is_refused():
    buffer = build_buffer()
    buffer.add(**build_row(buffer))
    state = buffer.state_dict()
    with pytest.raises(ShapeError, match=r"must have shape \[3, .*, got \[2, "):
        build_buffer(num_envs=3).load_state_dict(state)
    del state["values"]
    with pytest.raises(ConfigError, match=r"got missing or unknown \['values'\]"):
        build_buffer().load_state_dict(state)


@pytest.mark.parametrize("name", [part.name for part in PARTS])
@pytest.mark.requirement("5.1")
def test_a_forgotten_field_is_refused(name):
    buffer = build_buffer()
    row = build_row(buffer)
    del row[name]
    with pytest.raises(ConfigError, match=f"got missing or unknown \\['{name}'\\]"):
        buffer.add(**row)
    assert not any(getattr(buffer._storage, part.name).any() for part in PARTS)


def test_an_unknown_field_is_refused():
    buffer = build_buffer()
    with pytest.raises(ConfigError, match=r"got missing or unknown \['reward'\]"):
        buffer.add(**build_row(buffer), reward=torch.zeros(2))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_another_shape_or_dtype_is_refused_before_anything_is_stored(part):
    buffer = build_buffer()
    row = build_row(buffer)
    good = row[part.name]
    with pytest.raises(ShapeError, match=rf"{part.name} must have shape .*, got \[1, "):
        buffer.add(**row | {part.name: good[None]})
    with pytest.raises(ConfigError, match=rf"{part.name} must be torch\..*, got torch.float64"):
        buffer.add(**row | {part.name: good.double()})
    assert not getattr(buffer._storage, part.name).any()


def test_a_step_too_many_is_refused():
    buffer = build_buffer(steps=1)
    buffer.add(**build_row(buffer))
    with pytest.raises(ConfigError, match="at most 1 steps, got one more"):
        buffer.add(**build_row(buffer))


def test_an_unfinished_rollout_is_refused():
    buffer = build_buffer()
    buffer.add(**build_row(buffer))
    with pytest.raises(ConfigError, match="must be finished, got 1 of 2 steps"):
        _ = buffer.rollout
    with pytest.raises(ConfigError, match="must have 2 steps, got 1"):
        buffer.finish(torch.zeros(2))


def test_cut_values_of_another_shape_are_refused():
    buffer = build_buffer(steps=1)
    buffer.add(**build_row(buffer))
    with pytest.raises(ShapeError, match=r"cut_values must have shape \[2\], got \[3\]"):
        buffer.finish(torch.zeros(3))


def test_a_row_without_a_legal_op_is_refused():
    buffer = build_buffer()
    for step in range(2):
        row = build_row(buffer, step=step)
        masks = torch.ones(2, 4, dtype=torch.bool)
        masks[1, :2] = step == 0
        buffer.add(**row | {"masks": masks})
    with pytest.raises(ConfigError, match="got none at step 1 of environment 1"):
        buffer.finish(torch.zeros(2))


def test_an_environment_of_filler_rows_only_is_refused():
    buffer = build_buffer(steps=1)
    row = build_row(buffer)
    buffer.add(**row | {"valid": torch.tensor([True, False])})
    with pytest.raises(ConfigError, match=r"must have a valid step, got none in \[1\]"):
        buffer.finish(torch.zeros(2))


@pytest.mark.parametrize(("steps", "num_envs"), [(0, 2), (2, 0)])
def test_an_empty_buffer_is_refused(steps, num_envs):
    with pytest.raises(ConfigError, match=f"at least 1, got {steps} and {num_envs}"):
        build_buffer(steps=steps, num_envs=num_envs)


@pytest.mark.parametrize(("num_envs", "count"), [(6, 1), (6, 2), (7, 3), (5, 5)])
def test_minibatches_deal_every_environment_once(num_envs, count):
    buffer = build_buffer(num_envs=num_envs)
    parts = list(buffer.minibatches(count, torch.Generator().manual_seed(0)))
    again = list(buffer.minibatches(count, torch.Generator().manual_seed(0)))
    assert sorted(torch.cat(parts).tolist()) == list(range(num_envs))
    assert len(parts) == count
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(map(torch.equal, parts, again))


@pytest.mark.parametrize(("num_envs", "count"), [(1, 1), (2, 2), (7, 2)])
def test_minibatches_nobody_counts_are_two_where_there_are_two_environments(num_envs, count):
    assert build_buffer(num_envs=num_envs).count_minibatches(None) == count


@pytest.mark.parametrize("count", [0, 3])
def test_minibatches_without_environments_are_refused(count):
    with pytest.raises(ConfigError, match=rf"must be in \[1, 2\] \(environments\), got {count}"):
        next(build_buffer().minibatches(count, torch.Generator()))


@pytest.mark.parametrize("fillers", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.requirement("5.4")
def test_a_fresh_rollout_is_coherent_and_has_ratio_one(recurrent, fillers):
    network = build_network(recurrent=recurrent)
    rollout = collect_rollout(network, steps=12, fillers=fillers).rollout
    check_coherence(rollout, network)
    assert rollout.episode_starts[1:].any()
    assert (~rollout.valid).any() == fillers
    evaluation = network.evaluate(
        rollout.observations,
        network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.states[0],
    )
    ratios = (evaluation.log_probs - rollout.log_probs).sum(-1).exp()
    assert (ratios - 1)[rollout.valid].abs().max() < 1e-5


def flip(*place):
    def change(tensor):
        tensor[place] = ~tensor[place]
        return tensor

    return change


def add(amount, *place):
    def change(tensor):
        tensor[place] += amount
        return tensor

    return change


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("rewards", add(float("nan"), 2, 1), "rewards must be finite, .*step 2 of environment 1"),
        ("rewards_raw", add(float("inf"), 0, 0), "rewards must be finite"),
        ("episode_starts", flip(2, 1), "start after an end.*step 2 of environment 1"),
        ("terminated", flip(2, 1), "start after an end.*step 3 of environment 1"),
        ("valid", flip(2, 1), "must follow an end.*step 2 of environment 1"),
        ("states", add(1.0, 0, 0, 0, 1), "zero at a start.*step 0 of environment 1"),
        ("states", add(0.01, 2, 1, 0, 1, 3), "follow from the row before.*step 2 of environment 1"),
        ("observations", add(1.0, 2, 1), "follow from the row before.*step 3 of environment 1"),
        ("log_probs", add(0.01, 2, 1, 0), "ratio must be 1.*step 2 of environment 1"),
    ],
)
@pytest.mark.requirement("5.1", "5.4")
def test_rows_that_do_not_belong_together_are_found(name, change, rule):
    network = build_network()
    rollout = collect_rollout(network, end_probability=0.0).rollout
    with pytest.raises(InvariantError, match=rule):
        check_coherence(edit(rollout, name, change), network)


def test_a_filler_row_that_ends_an_episode_is_found():
    network = build_network()
    rollout = collect_rollout(network, steps=12, fillers=True).rollout
    step, environment = (~rollout.valid).nonzero()[0].tolist()
    with pytest.raises(InvariantError, match=f"must end no episode, .*environment {environment}"):
        check_coherence(edit(rollout, "truncated", flip(step, environment)), network)

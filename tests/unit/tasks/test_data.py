"""Epochs of data: every sample once, in an order that only the lent generator decides."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ConfigError, ShapeError
from tamiyo.tasks import (
    NEXT_BYTE,
    CanvasConfig,
    CanvasData,
    ShuffledData,
    Split,
    Splits,
    count_batches,
)

CONFIG = CanvasConfig(canvas_size=12, clutter_patches=2, patch_size=4, canvases_per_digit=3)
SIZES = {"train": 10, "control": 6, "test": 5}
KINDS = ["shuffled", "canvas"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered_split(count, first=0):
    """Image i is i + 1 everywhere and its class is i."""
    targets = torch.arange(first, first + count)
    inputs = (targets + 1.0).reshape(count, 1, 1, 1).expand(count, 1, 8, 8).clone()
    return Split(inputs=inputs, targets=targets)


def build_splits():
    return Splits(
        train=numbered_split(SIZES["train"]),
        control=numbered_split(SIZES["control"], first=100),
        test=numbered_split(SIZES["test"], first=200),
    )


def build_data(kind, batch_size=4):
    if kind == "shuffled":
        return ShuffledData(build_splits(), batch_size=batch_size)
    return CanvasData(build_splits(), CONFIG, batch_size=batch_size)


def as_bytes(batches):
    return [(x.numpy().tobytes(), y.numpy().tobytes()) for x, y in batches]


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_shows_every_sample_once_and_keeps_the_last_partial_batch(kind):
    batches = list(build_data(kind).train_batches(seeded()))
    assert [len(targets) for _, targets in batches] == [4, 4, 2]
    assert sorted(torch.cat([targets for _, targets in batches]).tolist()) == list(range(10))


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_agree_with_the_batches_that_come(kind):
    data = build_data(kind)
    assert (data.train_size, data.batch_size) == (10, 4)
    assert data.batches_per_epoch == len(list(data.train_batches(seeded()))) == 3


def test_inputs_stay_with_their_targets_through_the_shuffle():
    for inputs, targets in build_data("shuffled").train_batches(seeded()):
        assert torch.equal(inputs[:, 0, 0, 0], targets + 1.0)


def test_a_canvas_holds_the_digit_of_its_target():
    for inputs, targets in build_data("canvas").train_batches(seeded()):
        holds = (inputs.flatten(1) == targets[:, None] + 1.0).sum(dim=1)
        brighter = (inputs.flatten(1) > targets[:, None] + 1.0).sum(dim=1)
        assert (holds + brighter >= 64).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_state_gives_the_same_bytes(kind):
    first = as_bytes(build_data(kind).train_batches(seeded(3)))
    assert first == as_bytes(build_data(kind).train_batches(seeded(3)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_epoch_differs(kind):
    data, generator = build_data(kind), seeded()
    first = as_bytes(data.train_batches(generator))
    assert first != as_bytes(data.train_batches(generator))


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_never_begun_advances_the_generator_as_a_whole_one(kind):
    data, whole, unused = build_data(kind), seeded(), seeded()
    list(data.train_batches(whole))
    data.train_batches(unused)
    assert torch.equal(whole.get_state(), unused.get_state())


@pytest.mark.parametrize("kind", KINDS)
def test_batch_size_does_not_change_what_is_drawn(kind):
    small, large = seeded(), seeded()
    build_data(kind, batch_size=2).train_batches(small)
    build_data(kind, batch_size=10).train_batches(large)
    assert torch.equal(small.get_state(), large.get_state())


@pytest.mark.parametrize("kind", KINDS)
def test_the_global_generator_stays_as_it_was(kind):
    before = torch.random.get_rng_state()
    list(build_data(kind).train_batches(seeded()))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_training_images_are_never_written_to(kind):
    splits = build_splits()
    data = (
        ShuffledData(splits, batch_size=4)
        if kind == "shuffled"
        else CanvasData(splits, CONFIG, batch_size=4)
    )
    for inputs, targets in data.train_batches(seeded()):
        inputs.zero_()
        targets.zero_()
    assert torch.equal(splits.train.inputs, build_splits().train.inputs)
    assert torch.equal(splits.train.targets, build_splits().train.targets)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_a_batch_as_hosts_will_meet_it(kind):
    data = build_data(kind)
    inputs, _ = next(data.train_batches(seeded()))
    assert data.example.shape == inputs.shape
    assert data.example.dtype == inputs.dtype


def test_held_out_digits_get_several_canvases_of_their_own_class():
    data = build_data("canvas")
    assert data.control.inputs.shape == (18, 1, 12, 12)
    assert data.test.inputs.shape == (15, 1, 12, 12)
    assert data.control.targets.tolist() == [100, 101, 102, 103, 104, 105] * 3


def test_the_canvases_of_one_held_out_digit_differ():
    first, second, _ = build_data("canvas").control.inputs.split(6)
    assert not torch.equal(first, second)


def test_held_out_canvases_are_the_same_for_everyone():
    first, second = build_data("canvas"), build_data("canvas")
    assert torch.equal(first.control.inputs, second.control.inputs)
    assert torch.equal(first.test.inputs, second.test.inputs)


@pytest.mark.parametrize(
    ("split", "lowest", "highest"), [("control", 101, 106), ("test", 201, 205)]
)
def test_clutter_comes_from_the_digits_of_the_same_split(split, lowest, highest):
    inputs = getattr(build_data("canvas"), split).inputs
    lit = inputs[inputs > 0]
    assert (lit.min(), lit.max()) == (lowest, highest)


def test_training_canvases_show_training_digits_only():
    inputs = torch.cat([x for x, _ in build_data("canvas").train_batches(seeded())])
    assert inputs.max() <= 10


@pytest.mark.parametrize("kind", KINDS)
def test_data_moved_to_a_device_is_the_same_data(kind):
    data = build_data(kind)
    moved = data.to(torch.device("cpu"))
    assert torch.equal(moved.control.inputs, data.control.inputs)
    assert as_bytes(moved.train_batches(seeded())) == as_bytes(data.train_batches(seeded()))


def test_a_split_knows_its_length():
    assert len(numbered_split(7)) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_is_refused(kind):
    with pytest.raises(ConfigError, match="batch_size must be at least 1, got 0"):
        build_data(kind, batch_size=0)


@pytest.mark.parametrize(("size", "batches"), [(1, 1), (64, 1), (65, 2), (897, 15)])
def test_batches_are_counted_with_the_partial_one(size, batches):
    assert count_batches(size, 64) == batches


@pytest.mark.parametrize(
    ("inputs", "targets", "shown"),
    [
        (torch.zeros(3, 8), torch.zeros(2), r"\[3, 8\] and \[2\]"),
        (torch.zeros(0, 8), torch.zeros(0), r"\[0, 8\] and \[0\]"),
        (torch.zeros(()), torch.zeros(()), r"\[\] and \[\]"),
    ],
)
def test_inputs_and_targets_that_do_not_belong_together_are_refused(inputs, targets, shown):
    with pytest.raises(ShapeError, match=f"the same number of samples, got {shown}"):
        Split(inputs=inputs, targets=targets)


@pytest.mark.parametrize(("size", "chunks"), [(7, [7]), (512, [512]), (1100, [512, 512, 76])])
def test_going_through_a_split_gives_all_of_it_in_chunks(size, chunks):
    split = numbered_split(size)
    for _ in range(2):  # more than once
        seen = list(split)
        assert [len(targets) for _, targets in seen] == chunks
        assert torch.equal(torch.cat([targets for _, targets in seen]), split.targets)
        assert torch.equal(torch.cat([inputs for inputs, _ in seen]), split.inputs)


def test_a_split_holds_samples_of_any_shape_and_type():
    split = Split(inputs=torch.zeros(3, 5, dtype=torch.int64), targets=torch.zeros(3, 5))
    assert len(split) == 3


def test_shuffled_data_keeps_its_objective_on_another_device():
    data = ShuffledData(build_splits(), batch_size=4, objective=NEXT_BYTE)
    assert data.to(torch.device("cpu")).objective is NEXT_BYTE

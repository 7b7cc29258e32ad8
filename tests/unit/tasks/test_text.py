"""Text as windows of bytes: disjoint parts, fixed held-out windows, owned randomness."""

from __future__ import annotations

import hashlib
import sys

import pytest
import torch

from tamiyo.contracts import ConfigError
from tamiyo.tasks import TextConfig, TextData, load_text

TEXT = bytes(range(250))
"""Every byte occurs once, so a window is recognized by its first byte."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build_data(text=TEXT, *, batch_size=4, **changes):
    numbers = {"context": 4, "windows_per_epoch": 10, "held_out_windows": 6}
    return TextData(text, TextConfig(**{**numbers, **changes}), batch_size=batch_size)


def as_bytes(batches):
    return [(x.numpy().tobytes(), y.numpy().tobytes()) for x, y in batches]


def test_an_epoch_has_the_asked_windows_and_keeps_the_last_partial_batch():
    data = build_data()
    batches = list(data.train_batches(seeded()))
    assert [tuple(inputs.shape) for inputs, _ in batches] == [(4, 4), (4, 4), (2, 4)]
    assert (data.train_size, data.batch_size, data.batches_per_epoch) == (10, 4, 3)


def test_targets_are_the_bytes_that_follow():
    data = build_data()
    pairs = [*data.train_batches(seeded()), *data.control, *data.test]
    for inputs, targets in pairs:
        assert inputs.dtype == targets.dtype == torch.int64
        assert torch.equal(targets, inputs + 1)
        assert torch.equal(inputs, inputs[:, :1] + torch.arange(4))


def test_no_byte_is_in_two_parts_of_the_text():
    data = build_data(windows_per_epoch=4000, batch_size=4000)
    [(inputs, targets)] = data.train_batches(seeded())
    assert (inputs.min(), targets.max()) == (0, 199)
    assert (data.control.inputs.min(), data.control.targets.max()) == (200, 224)
    assert (data.test.inputs.min(), data.test.targets.max()) == (225, 249)


def test_held_out_windows_are_spread_evenly_and_do_not_overlap():
    starts = build_data().control.inputs[:, 0]
    assert starts.tolist() == [200, 204, 208, 212, 216, 220]


def test_held_out_windows_are_the_same_for_everyone():
    first, second = build_data(), build_data()
    assert torch.equal(first.control.inputs, second.control.inputs)
    assert torch.equal(first.test.inputs, second.test.inputs)


def test_the_same_generator_state_gives_the_same_bytes_and_the_next_epoch_differs():
    data, generator = build_data(), seeded(3)
    first = as_bytes(data.train_batches(generator))
    assert first == as_bytes(build_data().train_batches(seeded(3)))
    assert first != as_bytes(data.train_batches(generator))


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_an_epoch_cut_short_leaves_the_generator_as_a_whole_one(batches):
    whole, cut = seeded(), seeded()
    list(build_data().train_batches(whole))
    epoch = build_data().train_batches(cut)
    for _ in range(batches):
        next(epoch)
    assert torch.equal(whole.get_state(), cut.get_state())


def test_batch_size_does_not_change_what_is_drawn():
    small, large = (build_data(batch_size=size).train_batches(seeded()) for size in (1, 10))
    assert torch.equal(torch.cat([x for x, _ in small]), torch.cat([x for x, _ in large]))


def test_the_global_generator_stays_as_it_was():
    before = torch.random.get_rng_state()
    list(build_data().train_batches(seeded()))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_writing_into_a_batch_does_not_change_the_text():
    data = build_data()
    for inputs, targets in data.train_batches(seeded()):
        inputs.zero_()
        targets.zero_()
    assert as_bytes(data.train_batches(seeded())) == as_bytes(build_data().train_batches(seeded()))


def test_data_moved_to_a_device_is_the_same_data():
    data = build_data()
    moved = data.to(torch.device("cpu"))
    assert as_bytes(moved.train_batches(seeded())) == as_bytes(data.train_batches(seeded()))
    assert (moved.digest, moved.batch_size) == (data.digest, data.batch_size)


def test_the_example_is_a_batch_as_hosts_will_meet_it():
    data = build_data()
    inputs, _ = next(data.train_batches(seeded()))
    assert (data.example.shape, data.example.dtype) == (inputs.shape, inputs.dtype)


def test_the_digest_tells_texts_apart():
    assert build_data().digest == hashlib.sha256(TEXT).hexdigest()
    assert build_data(TEXT[::-1]).digest != build_data().digest


def test_the_text_is_all_help_topics_of_this_python_in_order():
    topics = sys.modules["pydoc_data.topics"].topics if load_text() else {}
    parts = [topics[name].encode() for name in sorted(topics)]
    assert load_text() == b"\n".join(parts)
    assert len(load_text()) > 300_000


def test_a_python_without_its_help_topics_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(
        ConfigError, match=r"pydoc_data.topics must be importable .*, got .*None in"
    ):
        load_text()


@pytest.mark.parametrize("length", [0, 10, 240])
def test_a_text_too_short_for_its_held_out_windows_is_refused(length):
    got = length // 10
    with pytest.raises(ConfigError, match=f"part of the text must have 25 bytes, got {got}"):
        build_data(TEXT[:length])


@pytest.mark.parametrize("name", ["context", "windows_per_epoch", "held_out_windows"])
def test_a_number_below_one_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} must be at least 1, got 0"):
        build_data(**{name: 0})


def test_an_empty_batch_is_refused():
    with pytest.raises(ConfigError, match="batch_size must be at least 1, got 0"):
        build_data(batch_size=0)

"""Hosts that differ per episode: drawn by seed, with data of their own in the same steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.tasks import (
    HostConditions,
    HostDistribution,
    HostSource,
    VariedData,
    get_task,
)

TASK = get_task("digits-cnn")
DATA = TASK.load_data()
CONDITIONS = HostConditions(host=TASK.host, learning_rate=1e-2, train_samples=100, label_noise=0.3)


def build_distribution(**changes):
    conditions = {"one": replace(CONDITIONS, **changes)}
    return HostDistribution(varied=conditions, held_out=conditions)


def draw_epoch(data, seed=0):
    batches = list(data.train_batches(torch.Generator().manual_seed(seed)))
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches]), batches


def test_an_epoch_has_the_full_batches_of_the_task():
    data = VariedData(DATA, CONDITIONS, seed=1)
    _, _, batches = draw_epoch(data)
    assert len(batches) == data.batches_per_epoch == DATA.batches_per_epoch
    assert {len(targets) for _, targets in batches} == {DATA.batch_size}


def test_an_epoch_goes_through_all_samples_as_often_as_it_can():
    data = VariedData(DATA, CONDITIONS, seed=1)
    inputs, _, _ = draw_epoch(data)
    _, counts = inputs.unique(dim=0, return_counts=True)
    assert len(counts) == 100
    assert counts.max() - counts.min() <= 1


def test_the_share_of_wrong_labels_is_about_what_was_asked_for():
    conditions = replace(CONDITIONS, train_samples=897)
    clean = VariedData(DATA, replace(conditions, label_noise=0.0), seed=1)
    noisy = VariedData(DATA, conditions, seed=1)
    (one, right, _), (other, given, _) = draw_epoch(clean), draw_epoch(noisy)
    assert torch.equal(one, other)
    assert (right != given).float().mean() == pytest.approx(0.3, abs=0.05)


def test_a_seed_decides_samples_and_labels_and_other_splits_are_shared():
    one, two, other = (VariedData(DATA, CONDITIONS, seed=seed) for seed in (1, 1, 2))
    for ours, theirs in zip(draw_epoch(one)[:2], draw_epoch(two)[:2], strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(draw_epoch(one)[0], draw_epoch(other)[0])
    assert one.control is DATA.control
    assert one.test is DATA.test


def test_equal_seeds_draw_equal_hosts_and_all_kinds_are_drawn():
    distribution = TASK.distribution
    drawn = [distribution.draw(HostSource.VARIED, seed) for seed in range(60)]
    assert drawn == [distribution.draw(HostSource.VARIED, seed) for seed in range(60)]
    assert set(drawn) == set(distribution.varied)
    held_out = {distribution.draw(HostSource.HELD_OUT, seed) for seed in range(60)}
    assert held_out == set(distribution.held_out)
    assert not held_out & set(distribution.varied)


def test_a_run_gets_host_rate_and_data_of_its_seed():
    task, data = TASK.find_host(DATA, HostSource.VARIED, 7)
    conditions = TASK.distribution.get(TASK.distribution.draw(HostSource.VARIED, 7))
    assert task.host == conditions.host
    assert task.config.learning_rate == conditions.learning_rate
    assert isinstance(data, VariedData)
    assert TASK.find_host(DATA, HostSource.FIXED, 7) == (TASK, DATA)


def test_a_task_without_other_hosts_has_none_to_draw():
    spirals = get_task("spirals")
    with pytest.raises(ConfigError, match="hosts must be fixed on task spirals, got held-out"):
        spirals.find_host(spirals.load_data(), HostSource.HELD_OUT, 0)


def test_samples_that_are_drawn_afresh_cannot_be_a_part():
    canvas = get_task("digits-canvas")
    with pytest.raises(ConfigError, match="digits-canvas must be fixed, got CanvasData"):
        canvas.apply_conditions(canvas.load_data(), CONDITIONS, 0)


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"learning_rate": 0.0}, "learning_rate of a host must be positive.* got 0.0"),
        ({"train_samples": 0}, "train_samples of a host .* got 0"),
        ({"label_noise": 1.0}, "label_noise of a host .* got 1.0"),
    ],
)
def test_conditions_nothing_can_train_under_are_refused(changes, got):
    with pytest.raises(ConfigError, match=got):
        build_distribution(**changes)


def test_what_is_missing_is_refused():
    with pytest.raises(ConfigError, match="at least one host, got 0 and 1"):
        HostDistribution(varied={}, held_out={"one": CONDITIONS})
    with pytest.raises(UnknownNameError, match="host must be one of one, got 'two'"):
        build_distribution().get("two")
    with pytest.raises(ConfigError, match="at most the task's 897, got 1000"):
        VariedData(DATA, replace(CONDITIONS, train_samples=1000), seed=0)

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tamiyo.contracts import ConfigError
from tamiyo.engine import LoaderData
from tamiyo.tasks import CLASSIFICATION

INPUTS, TARGETS = torch.arange(40.0).reshape(20, 2), torch.arange(20)


def build_loader(**options):
    return DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=6, **options)


def build_data(train=None, control=None, test=None):
    train = build_loader(shuffle=True) if train is None else train
    control = build_loader() if control is None else control
    return LoaderData(train, control, test, CLASSIFICATION)


def order_of(batches):
    return torch.cat([targets for _, targets in batches]).tolist()


def test_the_order_of_a_shuffling_loader_comes_from_the_generator():
    data = build_data()
    generator = torch.Generator().manual_seed(1)
    first, second = order_of(data.train_batches(generator)), order_of(data.train_batches(generator))
    again = order_of(data.train_batches(torch.Generator().manual_seed(1)))
    assert first == again != second
    assert sorted(first) == sorted(second) == TARGETS.tolist()


def test_what_happens_between_two_batches_does_not_change_the_order():
    data = build_data()
    plain = order_of(data.train_batches(torch.Generator()))
    disturbed = []
    for _, targets in data.train_batches(torch.Generator()):
        torch.rand(7)
        disturbed += targets.tolist()
    assert disturbed == plain


def test_the_global_generator_is_left_alone():
    data = build_data(control=build_loader(shuffle=True))
    before = torch.random.get_rng_state()
    order_of(data.train_batches(torch.Generator()))
    order_of(data.control)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_control_and_test_come_in_the_same_order_every_time():
    data = build_data(control=build_loader(shuffle=True), test=build_loader(shuffle=True))
    assert order_of(data.control) == order_of(data.control) == order_of(data.test)
    assert build_data().test is None


def test_the_example_is_the_beginning_of_control():
    assert torch.equal(build_data(control=[(INPUTS, TARGETS)]).example, INPUTS[:16])
    several = (INPUTS, INPUTS)
    assert build_data(control=[(several, TARGETS)]).example is several


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (iter([(INPUTS, TARGETS)]), "train must be gone through every epoch, got a list_iterator"),
        (INPUTS, "train must be an iterable of .* batches, got Tensor"),
        (3, "train must be an iterable of .* batches, got int"),
    ],
)
def test_batches_that_cannot_be_gone_through_again_are_refused(train, message):
    with pytest.raises(ConfigError, match=message):
        build_data(train=train)


@pytest.mark.parametrize(
    ("batch", "got"),
    [(INPUTS, "got a Tensor"), ({"x": INPUTS}, "got a dict"), ((INPUTS,) * 3, "got a tuple of 3")],
)
def test_a_batch_that_is_no_pair_is_refused(batch, got):
    with pytest.raises(ConfigError, match=f"batches of control must be pairs .*{got}"):
        build_data(control=[batch])
    with pytest.raises(ConfigError, match=f"batches of train must be pairs .*{got}"):
        list(build_data(train=[batch]).train_batches(torch.Generator()))


def test_a_generator_of_the_loaders_own_is_seeded_by_the_run():
    data = build_data(train=build_loader(shuffle=True, generator=torch.Generator()))
    orders = [
        order_of(data.train_batches(torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("name", ["control", "test"])
def test_nothing_to_measure_with_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} must hold at least one batch, got none"):
        build_data(**{name: []})

"""The tasks: what each one promises fits its data and its host."""

from __future__ import annotations

import math

import pytest
import torch

from tamiyo.contracts import UnknownNameError, check_initial_loss, sort_slot_ids
from tamiyo.tasks import NEXT_BYTE, build_host, count_batches, get_task, list_tasks

NAMES = list_tasks()
FEATURES = {
    "digits-canvas": 4,
    "digits-cnn": 4,
    "digits-mlp": 2,
    "spirals": 2,
    "stdlib-text": 3,
}
"""How many axes the features in a task's slots have."""


def build_seeded(recipe):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return build_host(recipe)


def count_parameters(recipe):
    with torch.device("meta"):
        return sum(p.numel() for p in build_host(recipe).parameters())


@pytest.fixture(scope="module")
def loaded():
    return {name: get_task(name).load_data() for name in NAMES}


def test_tasks_are_listed_by_name():
    assert tuple(sorted(FEATURES)) == NAMES


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(
        UnknownNameError, match=r"one of digits-canvas, .*, stdlib-text, got 'digits'"
    ):
        get_task("digits")


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_found_under_the_name_in_its_config(name):
    assert get_task(name).config.name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_is_one_line(name):
    assert 0 < len(get_task(name).summary) <= 100
    assert "\n" not in get_task(name).summary


@pytest.mark.parametrize("name", NAMES)
def test_config_and_data_agree_on_batches(name, loaded):
    config, data = get_task(name).config, loaded[name]
    assert config.batch_size == data.batch_size
    assert config.batches_per_epoch == data.batches_per_epoch
    assert config.batches_per_epoch == count_batches(data.train_size, data.batch_size)


@pytest.mark.parametrize("name", NAMES)
def test_no_epoch_ends_in_a_batch_so_small_that_its_step_undoes_the_others(name, loaded):
    batches = loaded[name].train_batches(torch.Generator().manual_seed(0))
    assert min(len(targets) for _, targets in batches) >= loaded[name].batch_size / 2


@pytest.mark.parametrize("name", [name for name in NAMES if name != "stdlib-text"])
def test_config_and_data_agree_on_classes(name, loaded):
    targets = loaded[name].control.targets
    assert targets.unique().tolist() == list(range(get_task(name).config.num_classes))


def test_config_and_data_of_text_agree_on_what_is_measured(loaded):
    config, targets = get_task("stdlib-text").config, loaded["stdlib-text"].control.targets
    assert loaded["stdlib-text"].objective is NEXT_BYTE
    assert config.metric.worst == math.log2(config.num_classes)
    assert 0 <= targets.min() <= targets.max() < config.num_classes


@pytest.mark.parametrize("name", NAMES)
def test_hosts_give_the_configured_number_of_outputs(name, loaded):
    task = get_task(name)
    assert build_host(task.host)(loaded[name].example).shape[-1] == task.config.num_classes


@pytest.mark.parametrize("name", NAMES)
def test_slots_are_canonical_and_in_the_order_data_flows(name):
    task = get_task(name)
    stages = [stage for stage, _ in build_host(task.host).named_children()]
    assert tuple(task.slots) == sort_slot_ids(task.slots)
    assert list(task.slots.values()) == [stage for stage in stages if stage in task.slots.values()]


@pytest.mark.parametrize("name", NAMES)
def test_every_slot_sits_on_features_of_the_tasks_kind(name, loaded):
    task = get_task(name)
    host, shapes = build_host(task.host), []
    for path in task.slots.values():
        host.get_submodule(path).register_forward_hook(lambda _, __, y: shapes.append(y.shape))
    host(loaded[name].example)
    assert [len(shape) for shape in shapes] == [FEATURES[name]] * len(task.slots)


@pytest.mark.parametrize("name", NAMES)
def test_the_family_starts_with_the_host_and_grows(name):
    task = get_task(name)
    sizes = [count_parameters(recipe) for recipe in task.family]
    assert task.family[0] == task.host
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", NAMES)
def test_the_family_holds_a_network_of_about_four_times_the_host(name):
    sizes = [count_parameters(recipe) for recipe in get_task(name).family]
    assert any(3.5 <= size / sizes[0] <= 4.5 for size in sizes)


@pytest.mark.parametrize("name", NAMES)
def test_an_untrained_host_starts_at_the_configured_loss(name, loaded):
    task, data = get_task(name), loaded[name]
    with torch.no_grad():
        outputs = build_seeded(task.host)(data.control.inputs)
    loss = data.objective.loss(outputs, data.control.targets)
    assert math.isclose(task.config.initial_loss, math.log(task.config.num_classes))
    check_initial_loss(task.config, loss.item())


@pytest.mark.parametrize("name", NAMES)
def test_every_call_loads_data_of_its_own(name, loaded):
    again = get_task(name).load_data()
    assert again.control.inputs.data_ptr() != loaded[name].control.inputs.data_ptr()
    assert torch.equal(again.control.inputs, loaded[name].control.inputs)


@pytest.mark.parametrize("name", NAMES)
def test_slots_cannot_be_changed_from_outside(name):
    with pytest.raises(TypeError, match="does not support item assignment"):
        get_task(name).slots["r9c9"] = "head"

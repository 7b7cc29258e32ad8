"""Refusals before any pass: kinds of hosts, and slots that name nothing."""

from __future__ import annotations

import pytest
from torch import nn

from tamiyo.contracts import ConfigError, ShapeError, SlotIdError
from tamiyo.model.attaching.refusals import check_host, find_wrapper_refusal, name_slots
from tests.support.awkward_hosts import build_mlp, compiled_inside
from tests.support.hosts import Wrapped, build_host


@pytest.mark.parametrize(
    ("host", "error", "text"),
    [
        (len, ConfigError, "host must be an nn.Module, got builtin_function_or_method"),
        (nn.Linear, ConfigError, "got the class Linear: give the network itself, already built"),
        ("net", ConfigError, "host must be an nn.Module, got str: give the network itself"),
        (nn.DataParallel(build_mlp()), ShapeError, "host must be a plain module, got DataParallel"),
        (nn.Flatten(), ConfigError, "must have parameters to train, got Flatten without any"),
        (nn.LazyLinear(3), ConfigError, "got the lazy parameter 'weight': run one batch"),
        (nn.Linear(2, 2, device="meta"), ConfigError, "got 'weight' on the meta device"),
    ],
)
def test_a_host_of_the_wrong_kind_is_refused(host, error, text):
    with pytest.raises(error, match=text):
        check_host(host)


def test_an_untrainable_host_with_numbers_is_none_of_them():
    check_host(build_host().requires_grad_(False))


@pytest.mark.parametrize(("path", "is_refused"), [("", False), ("0.1", True), ("1", False)])
def test_everything_on_the_way_to_a_slot_must_be_plain(path, is_refused):
    refusal = find_wrapper_refusal(compiled_inside(), path)
    assert (refusal is not None) == is_refused
    assert refusal is None or "got Sequential at '0': compiled code" in refusal


def test_paths_alone_get_ids_in_their_order():
    assert name_slots(build_host(), ["5", "2"]) == {"r0c0": "5", "r0c1": "2"}


def test_ids_are_sorted():
    assert list(name_slots(build_host(), {"r1c0": "2", "r0c2": "5"})) == ["r0c2", "r1c0"]


@pytest.mark.parametrize(
    ("slots", "text"),
    [
        ([], "must name at least one slot"),
        ("2", "must be several paths or a mapping of ids to paths, got '2'"),
        ({"a": "2"}, "must look like r0c0"),
        (["9"], "slot r0c0 must be a module of the host, got '9'"),
        ([""], "got ''"),
        (["2.weight"], "got '2.weight'"),
        (["2", "2"], "got '2' for r0c0 and '2' for r0c1, which are the same one"),
    ],
)
def test_slots_that_name_nothing_or_one_module_twice_are_refused(slots, text):
    with pytest.raises(SlotIdError, match=text):
        name_slots(build_host(), slots)


def test_two_names_of_one_module_are_one_module():
    host = Wrapped(build_host())
    host.alias = host.net[2]
    with pytest.raises(SlotIdError, match=r"got 'net\.2' for r0c0 and 'alias' for r0c1"):
        name_slots(host, ["net.2", "alias"])


def test_close_paths_are_suggested():
    with pytest.raises(SlotIdError, match=r"got 'net\.22': did you mean one of net\.2"):
        name_slots(Wrapped(build_host()), ["net.22"])


def test_suggestions_are_never_more_than_a_dozen():
    host = nn.Sequential(*(nn.Linear(1, 1) for _ in range(300)))
    with pytest.raises(SlotIdError, match="of 300 modules") as caught:
        name_slots(host, ["stage"])
    assert len(str(caught.value)) < 300

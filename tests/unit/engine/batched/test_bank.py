from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import InvariantError
from tamiyo.engine.batched.bank import Bank, Chosen, list_entries
from tests.support.stacked import make_bank, seeded


class Tied(nn.Module):
    """Two names of one parameter, a frozen one and a buffer."""

    def __init__(self, seed=0):
        super().__init__()
        self.one = nn.Parameter(torch.randn(3, 2, generator=seeded(seed)))
        self.two = self.one
        self.frozen = nn.Parameter(torch.randn(4, generator=seeded(seed)), requires_grad=False)
        self.last = nn.Parameter(torch.randn(5, generator=seeded(seed)))
        self.register_buffer("count", torch.tensor(seed))


def numbers_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_same(module, numbers):
    assert all(torch.equal(tensor, numbers[name]) for name, tensor in module.state_dict().items())


def test_tied_parameters_are_one_entry():
    entries = list_entries(Tied())
    assert [entry.names for entry in entries] == [("one", "two"), ("frozen",), ("last",), ("count",)]
    assert [entry.is_trained for entry in entries] == [True, False, True, False]
    module = Tied()
    make_bank([module])
    assert module.one is module.two


def test_entries_begin_where_kernels_treat_them_alike():
    bank = make_bank([Tied(seed) for seed in range(3)])
    assert all(entry.begin % 16 == 0 for entry in bank.entries)
    assert bank.values.stride(0) % 16 == 0


def test_modules_that_come_and_go_keep_their_numbers():
    modules = [Tied(seed) for seed in range(9)]
    before = [numbers_of(module) for module in modules]
    bank = make_bank(modules)
    for key in (3, 8, 0):
        bank.remove(key)
    bank.add(20, Tied(20))
    for module, numbers in zip(modules, before, strict=True):
        assert_same(module, numbers)
    assert sorted(bank.keys) == [1, 2, 4, 5, 6, 7, 20]
    rows = {key: bank.read("one")[row].detach() for row, key in enumerate(bank.keys)}
    assert torch.equal(rows[20], Tied(20).one)
    assert all(torch.equal(rows[key], before[key]["one"]) for key in (1, 2, 4, 5, 6, 7))


def test_a_module_and_its_row_are_the_same_memory():
    modules = [Tied(seed) for seed in range(5)]  # enough to grow the bank on the way
    bank = make_bank(modules)
    with torch.no_grad():
        modules[0].last.fill_(7)
        modules[3].count.fill_(9)
        bank.read("two")[2].fill_(3)
    assert torch.all(bank.read("last")[0] == 7)
    assert bank.read("count").tolist() == [0, 1, 2, 9, 4]
    assert torch.all(modules[2].one == 3)


def test_a_removed_module_has_numbers_of_its_own():
    modules = [Tied(seed) for seed in range(2)]
    bank = make_bank(modules)
    bank.remove(0)
    bank.values.fill_(0)
    assert_same(modules[0], numbers_of(Tied(0)))
    assert torch.all(modules[1].one == 0)


def test_forgetting_clears_one_row():
    bank = make_bank([Tied(seed) for seed in range(3)])
    bank.moments["mean"] = torch.ones_like(bank.values)
    bank.steps[:3] = torch.tensor([4.0, 5.0, 6.0])
    bank.forget(1)
    assert bank.steps[:3].tolist() == [4, 0, 6]
    assert bank.moments["mean"][:3].mean(dim=1).tolist() == [1, 0, 1]


def test_moments_move_with_their_row():
    bank = make_bank([Tied(seed) for seed in range(3)])
    bank.moments["mean"] = torch.arange(len(bank.values)).float()[:, None].expand_as(bank.values).clone()
    bank.steps[:3] = torch.tensor([4.0, 5.0, 6.0])
    bank.remove(0)
    assert bank.keys == [2, 1]
    assert bank.steps[:2].tolist() == [6, 5]
    assert bank.moments["mean"][:2, 0].tolist() == [2, 1]
    bank.add(9, Tied(9))
    assert bank.steps[2] == 0
    assert torch.all(bank.moments["mean"][2] == 0)


def test_a_module_of_another_structure_is_refused():
    bank = make_bank([nn.Linear(2, 3)])
    with pytest.raises(InvariantError, match="must be of one structure, got another one for 7"):
        bank.add(7, nn.Linear(3, 2))


def test_chosen_rows_are_read_in_their_order():
    modules = [Tied(seed) for seed in range(4)]
    bank = make_bank(modules)
    with bank.choosing(Chosen(rows=torch.tensor([2, 0, 2]))):
        assert bank.count == 3
        assert torch.equal(bank.read("one")[1], modules[0].one)
        assert bank.read("one").requires_grad
        bank.switch(Chosen(rows=torch.tensor([3])))
        assert torch.equal(bank.read("one"), modules[3].one[None])
    assert bank.count == 4


def test_rows_that_stay_fixed_get_no_gradient():
    bank = make_bank([Tied(0)])
    with bank.choosing(Chosen(is_fixed=True)):
        assert not bank.read("one").requires_grad
    assert not bank.read("frozen").requires_grad


def test_gradients_replace_the_old_ones_or_are_added():
    bank = make_bank([Tied(0), Tied(1)])
    ones = [torch.ones_like(leaf) for leaf in bank.leaves()]
    bank.take_gradients(ones, is_first=True)
    bank.take_gradients([ones[0], None], is_first=False)
    norms = bank.compute_gradient_norms()
    torch.testing.assert_close(norms, torch.tensor([[24.0, 5.0]] * 2).sqrt())
    bank.take_gradients([None, ones[1]], is_first=True)
    torch.testing.assert_close(bank.compute_gradient_norms(), torch.tensor([[0, 5.0]] * 2).sqrt())


def test_a_bank_of_modules_without_tensors_counts_them():
    bank = Bank(nn.ReLU())
    bank.add(0, nn.ReLU())
    assert (len(bank), bank.count, bank.leaves()) == (1, 1, [])

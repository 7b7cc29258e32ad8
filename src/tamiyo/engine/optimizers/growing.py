"""GrowingOptimizer: the user's own optimizer, led through growth.

Between two steps the optimizer has exactly the groups its user gave it, so that schedulers,
clipping and gradient scaling go on as before; the parameters of a seed or a fossil are members of
the group its slot belongs to. Within a step, uncommitted seeds stand in groups of their own, with
their group's settings and their own learning rate. Membership is derived from the model after every
change, never patched; optimizers keep their state by parameter, so a seed that fossilizes takes its
state along, and the state of a removed seed is dropped with it.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from tamiyo.contracts import ConfigError, InvariantError
from tamiyo.engine.optimizers.checking import (
    check_gradients,
    check_kinds,
    check_optimizer,
    check_rates,
)
from tamiyo.engine.optimizers.membership import (
    Group,
    Newcomer,
    Structure,
    find_newcomers,
    parameters_of,
    read_structure,
    refill,
)

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer
    from torch.utils.hooks import RemovableHandle

    from tamiyo.model import TamiyoModel

__all__ = ["GrowingOptimizer"]


class GrowingOptimizer:
    """Leads an optimizer of the user's through the growth of a model.

    The user goes on calling ``zero_grad`` and ``step`` of the optimizer and ``step`` of its
    scheduler, from step hooks too: those see the groups as the user made them (a pre-hook that is
    registered later does so from its second step on). A seed is a member of the group that holds
    the parameter nearest to its slot: the first one of the slot's module, else the last one
    registered before it, else the first one after it.

    Args:
        model: The model; it has one of these at a time.
        optimizer: An optimizer of some or all of the host's parameters, in any groups; parameters
            that are not the host's may be in it, too.
        seed_factor: Multiple of its group's learning rate for an uncommitted seed, positive.

    Attributes:
        optimizer: The user's optimizer.
        seed_factor: Multiple of its group's learning rate for an uncommitted seed.
        steps: Steps that it has completed since.

    Raises:
        ConfigError: If the model is none, or is led through growth already; if the optimizer is
            none, cannot take in new parameters, does not take those of seeds, holds none of the
            host's, or has no learning rate that a factor could apply to.
    """

    def __init__(
        self, model: TamiyoModel, optimizer: Optimizer, *, seed_factor: float = 1.0
    ) -> None:
        check_kinds(model, optimizer)
        _check_unled(model)
        check_optimizer(model, optimizer)
        check_rates(optimizer, seed_factor)
        self.optimizer = optimizer
        self.steps = 0
        self._model = model
        self.seed_factor = seed_factor
        self._newcomers: list[Newcomer] = []
        self._users: list[nn.Parameter] = []
        self._apart: list[Group] = []
        self._merged: list[tuple[Group, list[nn.Parameter]]] = []
        self._structure: Structure = ()
        self._is_stepping = False
        self._handles = self._register_hooks()
        self.sync()

    def sync(self) -> None:
        """Derive from the model which parameters of seeds and fossils the groups hold.

        What the user put there stays, in order, and so does the state of all that stays. A step
        begins with this by itself where the structure of the model has changed.

        Raises:
            ConfigError: If the optimizer was released.
        """
        if not self._handles:
            message = "a GrowingOptimizer must not be synced once released, got one that was"
            raise ConfigError(message)
        self._merge()
        self._structure = read_structure(self._model)
        ours = self._find_ours()
        homes = {
            parameter: index
            for index, group in enumerate(self.optimizer.param_groups)
            for parameter in group["params"]
            if parameter not in ours
        }
        self._users = list(homes)
        self._admit(find_newcomers(self._model, homes), ours)

    def clear_state(self) -> None:
        """Forget moments and step counts of the model, after its parameters were set back."""
        for parameter in self._model.parameters():
            self.optimizer.state.pop(parameter, None)

    def homes(self) -> dict[str, int]:
        """Return the id of every living seed and fossil to the index of its group."""
        return {newcomer.seed_id: newcomer.home for newcomer in self._newcomers}

    def check_membership(self) -> None:
        """Assert, right after :meth:`sync`, that the groups hold what they should.

        Raises:
            InvariantError: If a parameter of the user's, of a seed or of a fossil is missing, any
                is in twice, or another one is in.
        """
        owned = self._model.owned_parameters()
        host = {id(p) for p in self._model.host.parameters()}
        grown = {id(p) for parameters in owned.values() for p in parameters} - host
        expected = grown | {id(p) for p in self._users}
        held = [id(p) for group in self.optimizer.param_groups for p in group["params"]]
        if len(held) != len(set(held)) or set(held) != expected:
            message = (
                "every parameter must be in exactly one group, got "
                f"{len(held)} memberships of {len(set(held))} parameters "
                f"for {len(expected)} expected ones"
            )
            raise InvariantError(message)

    def release(self) -> None:
        """Give the optimizer back as it was: it holds what its user put in, with its state.

        Seeds and fossils leave it and nothing follows the model any more. It trains the bare host;
        a network that was detached from the model needs a new optimizer.
        """
        if not self._handles:
            return
        self._merge()
        for handle in self._handles:
            handle.remove()
        self._handles = ()
        _LEADERS.pop(id(self._model.host), None)
        self._admit([], self._find_ours())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_handles"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy of an optimizer has no hooks.
        self.__dict__.update(state)
        self._handles = self._register_hooks()

    def _register_hooks(self) -> tuple[RemovableHandle, ...]:
        _LEADERS[id(self._model.host)] = self
        optimizer = self.optimizer
        return (
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            # A step that raised leaves the groups split.
            optimizer.register_state_dict_pre_hook(self._merge),
            optimizer.register_load_state_dict_pre_hook(self._merge),
        )

    def _find_ours(self) -> set[nn.Parameter]:
        """Find what may be in the groups and is not the user's."""
        return {*parameters_of(self._newcomers), *self._model.seeds.parameters()}

    def _admit(self, newcomers: list[Newcomer], ours: set[nn.Parameter]) -> None:
        """Make newcomers the only members that are not the user's."""
        self._newcomers = newcomers
        for index, group in enumerate(self.optimizer.param_groups):
            refill(group, ours, [one for one in newcomers if one.home == index])
        for parameter in ours.difference(parameters_of(newcomers)):
            self.optimizer.state.pop(parameter, None)

    def _before_step(self, *_: object) -> None:
        # The user's hooks, a scheduler's for one, are not to meet split groups. While hooks of one
        # kind are called their order is fixed: each kind is put in order from the other.
        _move(self._handles[1], last=False)
        self._merge()
        if self._structure != read_structure(self._model):
            self.sync()
        self._is_stepping = True
        if self.seed_factor != 1:
            self._split()

    def _after_step(self, *_: object) -> None:
        _move(self._handles[0], last=True)
        self._merge()
        if not self._is_stepping:
            return  # PyTorch calls hooks twice for a class whose step calls that of its parent
        self._is_stepping = False
        self.steps += 1
        if not self._model.execution.take_pass():
            check_gradients(self._model, set(self._users))

    def _split(self) -> None:
        """Put the uncommitted seeds of every group into a group of their own."""
        groups = self.optimizer.param_groups
        seeds = [newcomer for newcomer in self._newcomers if not newcomer.is_committed]
        self._merged = [(group, group["params"]) for group in groups] if seeds else []
        for home in sorted({seed.home for seed in seeds}):
            group = groups[home]
            leaving = parameters_of(seed for seed in seeds if seed.home == home)
            known = set(leaving)
            group["params"] = [p for p in group["params"] if p not in known]
            rate = group["lr"] * self.seed_factor
            self._apart.append({**group, "params": leaving, "lr": rate})
        groups.extend(self._apart)

    def _merge(self, *_: object) -> None:
        """Undo :meth:`_split`, if it was not undone yet."""
        if not self._merged:
            return
        apart = {id(group) for group in self._apart}
        groups = self.optimizer.param_groups
        groups[:] = [group for group in groups if id(group) not in apart]
        for group, parameters in self._merged:
            group["params"] = parameters
        self._apart, self._merged = [], []


def _move(handle: RemovableHandle, *, last: bool) -> None:
    """Make a hook the first or the last of its kind."""
    hooks = handle.hooks_dict_ref()
    assert hooks is not None  # it is as old as the optimizer
    hooks.move_to_end(handle.id, last=last)


def _check_unled(model: TamiyoModel) -> None:
    """Refuse a model whose host is led through growth already: its seeds would be stepped twice.

    Raises:
        ConfigError: If it is.
    """
    if id(model.host) in _LEADERS:
        gc.collect()  # one that nobody holds lives on for a while, in a cycle with its hooks
    if id(model.host) in _LEADERS:
        message = (
            "a model must have one GrowingOptimizer at a time, got a second one: release the "
            "first, or put all parameters into one optimizer, in groups"
        )
        raise ConfigError(message)


_LEADERS: Final[WeakValueDictionary[int, GrowingOptimizer]] = WeakValueDictionary()
"""Identity of every host that is led to what leads it, which keeps the host alive."""

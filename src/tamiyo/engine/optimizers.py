"""GrowingOptimizer: the user's own optimizer, led through growth.

Between two steps the optimizer has exactly the groups its user gave it, so that schedulers,
clipping and gradient scaling go on as before; the parameters of a seed or a fossil are members of
the group its slot belongs to. Within a step, uncommitted seeds stand in groups of their own, with
their group's settings and their own learning rate. Membership is derived from the model after every
change, never patched; optimizers keep their state by parameter, so a seed that fossilizes takes its
state along, and the state of a removed seed is dropped with it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from tamiyo.contracts import ConfigError, InvariantError, SeedStage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch.optim import Optimizer
    from torch.utils.hooks import RemovableHandle

    from tamiyo.model import TamiyoModel

__all__ = ["GrowingOptimizer"]

_UNFIT: Final[dict[type[Optimizer], str]] = {
    torch.optim.LBFGS: "keeps one flat history of all parameters, which growth would break",
    torch.optim.SparseAdam: "takes sparse gradients only, and those of a seed are dense",
}
_OBJECTIONS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_Group = dict[str, Any]
_Structure = tuple[tuple[int, bool, int], ...]


@dataclass(frozen=True, kw_only=True)
class _Newcomer:
    """A living seed or a fossil among the user's parameters.

    Attributes:
        slot_id: Its slot.
        seed_id: Its name.
        is_committed: Whether it is a fossil.
        parameters: Its parameters.
        names: What they are called in the model.
        home: Index of the group they are members of.
        witness: The trainable parameter of the host nearest to it, if the optimizer holds any:
            wherever that one gets a gradient, a seed with influence gets one too.
    """

    slot_id: str
    seed_id: str
    is_committed: bool
    parameters: list[nn.Parameter]
    names: list[str]
    home: int
    witness: nn.Parameter | None


class GrowingOptimizer:
    """Leads an optimizer of the user's through the growth of a model.

    The user goes on calling ``zero_grad`` and ``step`` of the optimizer and ``step`` of its
    scheduler. A seed is a member of the group that holds the parameter nearest to its slot: the
    first one of the slot's module, else the last one registered before it, else the first one
    after it.

    Args:
        model: The model.
        optimizer: An optimizer of some or all of the host's parameters, in any groups; parameters
            that are not the host's may be in it, too.
        seed_factor: Multiple of its group's learning rate for an uncommitted seed, positive.

    Attributes:
        optimizer: The user's optimizer.
        steps: Steps that it has completed since.

    Raises:
        ConfigError: If the optimizer cannot take in new parameters, does not take those of seeds,
            or holds none of the host's.
    """

    def __init__(
        self, model: TamiyoModel, optimizer: Optimizer, *, seed_factor: float = 1.0
    ) -> None:
        _check_optimizer(model, optimizer)
        self.optimizer = optimizer
        self.steps = 0
        self._model = model
        self._seed_factor = seed_factor
        self._newcomers: list[_Newcomer] = []
        self._users: list[nn.Parameter] = []
        self._apart: list[_Group] = []
        self._merged: list[tuple[_Group, list[nn.Parameter]]] = []
        self._structure: _Structure = ()
        self._handles = self._register_hooks()
        self.sync()

    def sync(self) -> None:
        """Derive from the model which parameters of seeds and fossils the groups hold.

        What the user put there stays, in order, and so does the state of all that stays. A step
        begins with this by itself where the structure of the model has changed.
        """
        self._merge()
        self._structure = _read_structure(self._model)
        groups = self.optimizer.param_groups
        before = _parameters_of(self._newcomers)
        ours = {*before, *self._model.seeds.parameters()}
        homes = {
            parameter: index
            for index, group in enumerate(groups)
            for parameter in group["params"]
            if parameter not in ours
        }
        self._users = list(homes)
        self._newcomers = _find_newcomers(self._model, homes)
        for index, group in enumerate(groups):
            _refill(group, ours, [one for one in self._newcomers if one.home == index])
        for parameter in set(before).difference(_parameters_of(self._newcomers)):
            self.optimizer.state.pop(parameter, None)

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
        """Let go of the optimizer: seeds stay members, but nothing follows the model any more."""
        self._merge()
        for handle in self._handles:
            handle.remove()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_handles"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy of an optimizer has no hooks.
        self.__dict__.update(state)
        self._handles = self._register_hooks()

    def _register_hooks(self) -> tuple[RemovableHandle, ...]:
        optimizer = self.optimizer
        return (
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            # A step that raised leaves the groups split.
            optimizer.register_state_dict_pre_hook(self._merge),
            optimizer.register_load_state_dict_pre_hook(self._merge),
        )

    def _before_step(self, *_: object) -> None:
        self._merge()
        if self._structure != _read_structure(self._model):
            self.sync()
        if self._seed_factor != 1:
            self._split()

    def _after_step(self, *_: object) -> None:
        self._merge()
        self.steps += 1
        self._check_gradients()

    def _split(self) -> None:
        """Give every uncommitted seed a group of its own."""
        seeds = [newcomer for newcomer in self._newcomers if not newcomer.is_committed]
        if not seeds:
            return
        groups = self.optimizer.param_groups
        leaving = {id(parameter) for parameter in _parameters_of(seeds)}
        self._merged = [(group, group["params"]) for group in groups]
        for group, parameters in self._merged:
            group["params"] = [p for p in parameters if id(p) not in leaving]
        for seed in seeds:
            home = groups[seed.home]
            rate = home["lr"] * self._seed_factor
            self._apart.append({**home, "params": seed.parameters, "lr": rate})
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

    def _check_gradients(self) -> None:
        """Notice a loss that was computed with the host instead of the model.

        Raises:
            ConfigError: If a gradient went through a slot and not through its seed.
        """
        for newcomer in self._newcomers:
            if any(p.grad is not None for p in newcomer.parameters):
                continue
            if newcomer.witness is None or newcomer.witness.grad is None:
                continue
            slot = self._model.slots[newcomer.slot_id]
            seed = slot.seed if any(p.requires_grad for p in newcomer.parameters) else None
            if seed is not None and seed.seed_id == newcomer.seed_id and seed.weights:
                message = (
                    "loss must be computed with the model that attach returned, not with the host, "
                    f"got no gradient for seed {seed.seed_id}"
                )
                raise ConfigError(message)


def _read_structure(model: TamiyoModel) -> _Structure:
    """Read everything that decides who is a member of which group."""
    return tuple(
        (id(slot.seed), slot.seed.stage == SeedStage.FOSSILIZED, id(slot.seed.module.gate))
        for slot in model.slots.values()
        if slot.seed is not None
    )


def _find_newcomers(model: TamiyoModel, homes: Mapping[nn.Parameter, int]) -> list[_Newcomer]:
    """List seeds and fossils in the order of the slots.

    Args:
        model: The model.
        homes: Every parameter of the user's to the index of its group.
    """
    owned = model.owned_parameters()
    newcomers = []
    for slot_id, slot in model.slots.items():
        if slot.seed is None:
            continue
        named = dict(slot.seed.module.named_parameters(prefix=f"seeds.{slot_id}"))
        near = [p for p in _list_by_nearness(model.host, slot.path) if p in homes]
        newcomers.append(
            _Newcomer(
                slot_id=slot_id,
                seed_id=slot.seed.seed_id,
                is_committed=slot.seed.seed_id not in owned,
                parameters=list(named.values()),
                names=list(named),
                home=homes[near[0]],
                witness=next((p for p in near if p.requires_grad), None),
            )
        )
    return newcomers


def _list_by_nearness(host: nn.Module, path: str) -> list[nn.Parameter]:
    """List the host's parameters: those of a module, those before it backward, those after it."""
    modules, module = list(host.modules()), host.get_submodule(path)
    index = next(index for index, other in enumerate(modules) if other is module)
    before, onward = (
        [parameter for part in parts for parameter in part.parameters(recurse=False)]
        for parts in (modules[:index], modules[index:])
    )
    return [*module.parameters(), *reversed(before), *onward]


def _parameters_of(newcomers: Iterable[_Newcomer]) -> list[nn.Parameter]:
    return [parameter for newcomer in newcomers for parameter in newcomer.parameters]


def _refill(group: _Group, ours: set[nn.Parameter], newcomers: Sequence[_Newcomer]) -> None:
    """Leave the user's parameters in a group and put newcomers after them, in place."""
    users = [index for index, parameter in enumerate(group["params"]) if parameter not in ours]
    if "param_names" in group:
        names = [name for newcomer in newcomers for name in newcomer.names]
        group["param_names"][:] = [*(group["param_names"][index] for index in users), *names]
    kept = [group["params"][index] for index in users]
    group["params"][:] = [*kept, *_parameters_of(newcomers)]


def _check_optimizer(model: TamiyoModel, optimizer: Optimizer) -> None:
    """Refuse an optimizer that could not follow a model, before anything grows.

    Raises:
        ConfigError: If it cannot take in new parameters, does not take those of seeds, or holds
            none of the host's.
    """
    name = type(optimizer).__name__
    for unfit, reason in _UNFIT.items():
        if isinstance(optimizer, unfit):
            message = f"optimizer must be able to take in seeds, got {name}, which {reason}"
            raise ConfigError(message)
    held = {p for group in optimizer.param_groups for p in group["params"]}
    of_host = [p for p in model.host.parameters() if p in held]
    if not of_host:
        message = (
            f"optimizer must hold parameters of the host, got {name} that holds none of them: "
            "build it from host.parameters()"
        )
        raise ConfigError(message)
    for slot in model.slots.values():
        scale = torch.zeros(slot.shape.channel_shape, dtype=of_host[0].dtype)
        objection = _find_objection(optimizer, of_host[0], nn.Parameter(scale.to(of_host[0])))
        if objection is not None:
            message = f"optimizer must take the parameters of seeds, got {name}: {objection}"
            raise ConfigError(message)


def _find_objection(
    optimizer: Optimizer, accepted: nn.Parameter, seed: nn.Parameter
) -> Exception | None:
    """Find out whether a second optimizer of the same kind would take a seed's parameter.

    Where one cannot be built even for a parameter of the host, that says nothing.
    """
    known = inspect.signature(type(optimizer)).parameters
    settings = {key: value for key, value in optimizer.defaults.items() if key in known}
    for parameter in (accepted, seed):
        try:
            type(optimizer)([parameter], **settings)
        except _OBJECTIONS as error:
            return error if parameter is seed else None
    return None

"""What a GrowingOptimizer refuses before anything grows, and a mistake it notices in a step."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.optim import Optimizer

from tamiyo.contracts import ConfigError
from tamiyo.engine.optimizers.membership import list_by_nearness
from tamiyo.model import TamiyoModel

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["check_gradients", "check_kinds", "check_optimizer", "check_rates"]

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


def check_kinds(model: object, optimizer: object) -> None:
    """Refuse what is no model or no optimizer.

    Raises:
        ConfigError: If one of them is something else.
    """
    if not isinstance(model, TamiyoModel):
        message = f"model must be what attach returned, got {type(model).__name__}"
        raise ConfigError(message)
    if not isinstance(optimizer, Optimizer):
        message = f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}"
        raise ConfigError(message)


def check_optimizer(model: TamiyoModel, optimizer: Optimizer) -> None:
    """Refuse an optimizer that could not follow a model, before anything grows.

    Args:
        model: The model.
        optimizer: The user's optimizer.

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


def check_rates(optimizer: Optimizer, seed_factor: float) -> None:
    """Refuse a factor that cannot apply to the learning rates of an optimizer.

    Args:
        optimizer: The user's optimizer.
        seed_factor: Multiple of its group's learning rate for an uncommitted seed.

    Raises:
        ConfigError: If it is not positive, or there is a group without a learning rate.
    """
    if not 0 < seed_factor < math.inf:
        message = f"seed_factor must be positive, got {seed_factor}"
        raise ConfigError(message)
    if seed_factor != 1 and not all("lr" in group for group in optimizer.param_groups):
        message = (
            f"seed_factor must be 1 for an optimizer that has groups without lr, got {seed_factor} "
            f"for {type(optimizer).__name__}"
        )
        raise ConfigError(message)


def check_gradients(model: TamiyoModel, users: AbstractSet[nn.Parameter]) -> None:
    """Notice, after a step before which no pass of the model ran, that the host ran instead.

    A loss of the user's may well be of a part of the host, or of its parameters: the gradients must
    reach from the host's one end to the other, and past a seed.

    Args:
        model: The model.
        users: The user's parameters in the optimizer.

    Raises:
        ConfigError: If gradients went through a slot and not through its seed.
    """
    trained = [p for p in model.host.parameters() if p in users and p.requires_grad]
    if not trained or not (_has_gradient(trained[0]) and _has_gradient(trained[-1])):
        return
    for slot in model.slots.values():
        if slot.seed is None or not slot.seed.weights:
            continue
        own = [p for p in slot.seed.module.parameters() if p.requires_grad]
        if not own or any(map(_has_gradient, own)):
            continue
        near = list_by_nearness(model.host, slot.path)
        if _has_gradient(next(p for p in near if p in users and p.requires_grad)):
            message = (
                "loss must be computed with the model that attach returned, not with the host, "
                f"got no gradient for seed {slot.seed.seed_id}"
            )
            raise ConfigError(message)


def _has_gradient(parameter: nn.Parameter) -> bool:
    """Say whether a parameter has a gradient, other than the zeros of a ``zero_grad``."""
    return parameter.grad is not None and bool(parameter.grad.any())

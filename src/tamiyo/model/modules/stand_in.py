"""StandIn: a module in the place of one of the host's, through which the host still reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sized

__all__ = ["StandIn"]


class StandIn(nn.Module):
    """Base of modules that stand in for a host's module and run it.

    The host's code may go on reading, setting, indexing and iterating over its module: what is not
    the stand-in's own is looked up there. Its own are its submodules, what ``nn.Module`` defines
    and every name that begins with an underscore.

    Args:
        host_module: The host's module; the stand-in takes over its mode.
    """

    def __init__(self, host_module: nn.Module) -> None:
        super().__init__()
        self.training = host_module.training
        self.host_module = host_module

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # Protocols such as __deepcopy__ must not reach the module: they would copy it alone.
            if name.startswith("__") or name == "host_module":
                raise
        found: Tensor | nn.Module = getattr(self.host_module, name)
        return found

    def __setattr__(self, name: str, value: Tensor | nn.Module) -> None:
        modules = self.__dict__.get("_modules", {})
        is_own = name.startswith("_") or name in self.__dict__ or name in modules
        if is_own or "host_module" not in modules:
            super().__setattr__(name, value)
        else:
            setattr(self.host_module, name, value)

    def __bool__(self) -> bool:
        return bool(self.host_module)

    def __len__(self) -> int:
        return len(cast("Sized", self.host_module))

    def __iter__(self) -> Iterator[object]:
        return iter(cast("Iterable[object]", self.host_module))

    def __getitem__(self, index: object) -> object:
        return cast("Mapping[object, object]", self.host_module)[index]

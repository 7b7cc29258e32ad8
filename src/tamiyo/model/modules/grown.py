"""GrownModule: a module of the host followed by the seed that was committed behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from .seed_module import Algorithm, SeedModule, compose
from .stand_in import StandIn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GrownModule", "grow_module"]


class GrownModule(StandIn):
    """A host's module followed by its seed.

    Args:
        host_module: The host's module.
        grown_seed: The seed's module; it takes over the mode of the host's.
        algorithm: How the seed is composed.
        alpha: Its influence, in (0, 1].
    """

    grown_seed: SeedModule

    def __init__(
        self, host_module: nn.Module, grown_seed: SeedModule, algorithm: Algorithm, alpha: float
    ) -> None:
        super().__init__(host_module)
        # Past the stand-in, which would set it on the host's module, one that may have grown, too.
        nn.Module.__setattr__(self, "grown_seed", grown_seed.train(host_module.training))
        self._weights = ((algorithm, alpha),)

    def forward(self, *inputs: object, **options: object) -> Tensor:
        """Run the module and blend in the seed."""
        return compose(self.host_module(*inputs, **options), self.grown_seed, self._weights)


def grow_module(
    network: nn.Module, path: str, seed: SeedModule, algorithm: Algorithm, alpha: float
) -> None:
    """Put a seed behind the module at ``path``, under every name that module goes by.

    Args:
        network: What is changed.
        path: Path of the module in it, or in the host it was grown from.
        seed: The seed's module.
        algorithm: How the seed is composed.
        alpha: Its influence, in (0, 1].
    """
    inner = network.get_submodule(path)
    grown = GrownModule(inner, seed, algorithm, alpha)
    # Under every name, or the host would go on calling the module by another one.
    for name, named in list(network.named_modules(remove_duplicate=False)):
        if named is inner:
            network.set_submodule(name, grown)

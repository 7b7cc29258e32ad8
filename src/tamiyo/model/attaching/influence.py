"""Two trials of slots: the host must stand a module in their place, and gradients reach them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tamiyo.model.attaching.calling import list_tensors
from tamiyo.model.attaching.trial import FAILURES, Reading, Trial, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.model.tap import Change

_UNSEEN: Final = "a pass in evaluation mode that does not call it: name a module around it"
_NESTED: Final = (
    "a nested tensor in evaluation mode: build the nn.TransformerEncoder with "
    "enable_nested_tensor=False, or name the encoder itself"
)
_CHANGED: Final = "outputs that differ once it is wrapped"
_UNREACHED: Final = (
    "no gradient: its output is under no_grad, detached or unused; name a later module"
)
_ONLY_CALL: Final = "let the host do no more with this module than call it, or name another one"
_OUT_OF_PLACE: Final = (
    "change nothing in place behind it and recompute nothing around it (activation checkpointing)"
)

__all__ = ["find_gradient_refusals", "find_wrapping_refusals"]


def find_wrapping_refusals(trial: Trial, paths: Sequence[str]) -> dict[str, str]:
    """Say at which modules the host does more than call them, and breaks when one is wrapped.

    Args:
        trial: Runs the host.
        paths: Paths of modules that put out one tensor per pass.

    Returns:
        Path to what is wrong.
    """
    bare = trial.run_and_read(())
    found = _blame(paths, lambda some: _wrap(trial, some, bare), _ONLY_CALL)
    return {path: f"must stand a seed behind it, got {reason}" for path, reason in found.items()}


def find_gradient_refusals(trial: Trial, paths: Sequence[str]) -> dict[str, str]:
    """Say behind which modules nothing could be trained.

    A pass with gradients runs through something like a seed behind each module: it keeps what the
    module put out for the backward pass, as seeds do. It is run in training mode, or in evaluation
    mode if the example does not allow that (a single sample and BatchNorm).

    Args:
        trial: Runs the host.
        paths: Paths of modules that put out one tensor per pass.

    Returns:
        Path to what is wrong.
    """
    found = _blame(paths, lambda some: _differentiate(trial, some), _OUT_OF_PLACE)
    return {
        path: f"must let a seed behind it train, got {reason}" for path, reason in found.items()
    }


def _blame(
    paths: Sequence[str], check: Callable[[Sequence[str]], dict[str, str]], way_out: str
) -> dict[str, str]:
    """Check many modules at once, and halves of them where it fails without saying for which."""
    try:
        return check(paths) if paths else {}
    except FAILURES as error:
        if len(paths) == 1:
            return {paths[0]: f"{quote(error)}: {way_out}"}
        middle = len(paths) // 2
        found = _blame(paths[:middle], check, way_out) | _blame(paths[middle:], check, way_out)
        return found or dict.fromkeys(paths, f"{quote(error)}: {way_out}")


def _wrap(trial: Trial, paths: Sequence[str], bare: Reading) -> dict[str, str]:
    """Run with a wrapper around each module that changes nothing.

    Raises:
        RuntimeError: If the outputs change all the same, for one of several modules.
    """
    runs: Counter[str] = Counter()
    nested: set[str] = set()

    def counting(path: str) -> Change:
        def count(output: object) -> object:
            if isinstance(output, Tensor):
                runs[path] += 1
                nested.update([path] if output.is_nested else [])
            return output

        return count

    with torch.no_grad():
        outputs = list_tensors(trial.run({path: counting(path) for path in paths}))
    unseen = {path: _UNSEEN for path in paths if runs[path] != 1} | dict.fromkeys(nested, _NESTED)
    # A host that draws from elsewhere than PyTorch differs from itself, which proves nothing.
    if (
        not unseen
        and not _are_equal(outputs, bare.outputs)
        and _are_equal(trial.run_and_read(()).outputs, bare.outputs)
    ):
        if len(paths) == 1:
            return {paths[0]: f"{_CHANGED}: {_ONLY_CALL}"}
        raise RuntimeError(_CHANGED)
    return unseen


def _are_equal(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return len(some) == len(others) and all(map(_is_equal, some, others))


def _is_equal(one: Tensor, other: Tensor) -> bool:
    # NaN is equal to NaN here.
    return one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())


def _differentiate(trial: Trial, paths: Sequence[str]) -> dict[str, str]:
    """Say which modules no gradient of the outputs reaches."""
    scales: dict[str, Tensor] = {}

    def growing(path: str) -> Change:
        def grow(output: object) -> object:
            features = list_tensors(output)[0]
            scales[path] = torch.zeros_like(features[..., :1], requires_grad=True)
            return features + scales[path] * features

        return grow

    changes = {path: growing(path) for path in paths}
    with torch.enable_grad():
        try:
            outputs = trial.run(changes, training=True)
        except FAILURES:
            outputs = trial.run(changes)
        tensors = list_tensors(outputs)
        sums = [tensor.real.sum() for tensor in tensors if tensor.requires_grad]
        if not sums:
            # Outputs that hold no tensor at all cannot be looked into.
            return dict.fromkeys(paths, _UNREACHED) if tensors else {}
        gradients = torch.autograd.grad(sums, list(scales.values()), allow_unused=True)
    reached = {path for path, found in zip(scales, gradients, strict=True) if found is not None}
    return {path: _UNREACHED for path in paths if path not in reached}

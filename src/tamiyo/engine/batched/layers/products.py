"""Matrix products of many networks at once, each network's to the same bits wherever it stands.

PyTorch's matrix products on the CPU round differently where a matrix does not begin at a multiple
of 64 bytes. Matrices of one network may lie anywhere in a tensor of all of them: those that do not
begin at such a place are copied to one first.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["align", "multiply"]

_ALIGNED_NUMBERS: Final = 16
_ALIGNED_BYTES: Final = 64


def multiply(left: Tensor, right: Tensor, plus: Tensor | None = None) -> Tensor:
    """Multiply the matrices of each network; gradients pass.

    Args:
        left: Shape [R, m, k].
        right: Shape [R, k, n].
        plus: What is added, broadcast to [R, m, n]; ``None`` for nothing.
    """
    (rows, inner), columns = left.shape[1:], right.shape[2]
    if all(
        size % _ALIGNED_NUMBERS == 0 for size in (rows * inner, inner * columns, rows * columns)
    ):
        left, right = align(left), align(right)
        return torch.bmm(left, right) if plus is None else torch.baddbmm(plus, left, right)
    product: Tensor = _Product.apply(left, right)
    return product if plus is None else product.add_(plus)


def align(matrices: Tensor) -> Tensor:
    """Return matrices [R, m, n], each of which begins at a multiple of 64 bytes."""
    if not len(matrices):
        return matrices
    first = matrices[0]
    is_in_place = matrices.data_ptr() % _ALIGNED_BYTES == 0
    is_aligned = is_in_place and matrices.stride(0) % _ALIGNED_NUMBERS == 0
    if first.is_contiguous():
        return matrices if is_aligned else _copy(matrices)
    if first.mT.is_contiguous():
        return matrices if is_aligned else _copy(matrices.mT).mT
    return _copy(matrices)


def _copy(matrices: Tensor) -> Tensor:
    networks, rows, columns = matrices.shape
    width = -(-rows * columns // _ALIGNED_NUMBERS) * _ALIGNED_NUMBERS
    apart = matrices.new_empty(networks, width)[:, : rows * columns]
    return apart.unflatten(1, (rows, columns)).copy_(matrices)


class _Product(torch.autograd.Function):
    """The product of matrices that may have to be copied first, and so may their gradients."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:  # noqa: ANN401  # torch's own
        """Return the product."""
        left, right = align(left), align(right)
        ctx.save_for_backward(left, right)
        return torch.bmm(left, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401  # torch's own
        """Return the gradients of both factors."""
        left, right = ctx.saved_tensors
        gradient = align(gradient)
        of_left = torch.bmm(gradient, right.mT) if ctx.needs_input_grad[0] else None
        of_right = torch.bmm(left.mT, gradient) if ctx.needs_input_grad[1] else None
        return of_left, of_right

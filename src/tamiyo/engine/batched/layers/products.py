"""Matrix products of many networks at once, each network's to the same bits wherever it stands.

Intel's MKL, which computes PyTorch's matrix products on the CPU, rounds differently where a matrix,
a factor or the product, does not begin at a multiple of 64 bytes. It can be asked not to, at no
measurable price, but only before its first product in a process. Where it was asked too late, or
PyTorch uses another library, what lies otherwise is copied first.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["ALIGNED_NUMBERS", "ask_for_equal_bits", "multiply", "multiply_plainly"]

ALIGNED_NUMBERS: Final = 16
"""Float32 numbers between places at which a matrix may begin."""

_ALIGNED_BYTES: Final = 64
_REPRODUCIBLE: Final = 2
"""Name of the mode in MKL, ``MKL_CBWR_AUTO``, in which places do not matter."""

_ANSWER: Final[list[bool]] = []
"""MKL's answer, once this process has asked."""


def ask_for_equal_bits(*, wanted: bool = True) -> bool:
    """Ask MKL for products that do not depend on where a matrix lies; the answer holds for good.

    Call it at the start of a process that trains populations as one network, before anything else
    is computed: it spares copies. The first call decides.

    Args:
        wanted: Whether to ask; a process that helps another one does as that one did.

    Returns:
        Whether they do not; else :func:`multiply` copies.
    """
    if not _ANSWER:
        _ANSWER.append(wanted and _ask())
    return _ANSWER[0]


def _ask() -> bool:
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        choose = ctypes.CDLL(str(library)).mkl_serv_cbwr_set
    except (OSError, AttributeError):  # another system, or another library for products
        return False
    return int(choose(_REPRODUCIBLE)) == 0


def multiply(left: Tensor, right: Tensor, plus: Tensor | None = None) -> Tensor:
    """Multiply the matrices of each network; gradients pass.

    Args:
        left: Shape [R, m, k].
        right: Shape [R, k, n].
        plus: What is added, broadcast to [R, m, n]; ``None`` for nothing.
    """
    product: Tensor = _Product.apply(left, right)  # type: ignore[no-untyped-call]  # torch's own
    return product if plus is None else product.add_(plus)


def multiply_plainly(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply the matrices of each network, without a thought for gradients.

    Args:
        left: Shape [R, m, k].
        right: Shape [R, k, n].
        out: Where the product goes, [R, m, n], contiguous.
    """
    networks, rows, columns = len(left), left.shape[1], right.shape[2]
    is_free = ask_for_equal_bits()
    if not is_free:
        left, right = _align(left), _align(right)
    if networks == 1 and 1 in {rows, columns}:  # another kernel computes a single one
        doubled = multiply_plainly(left.expand(2, -1, -1), right.expand(2, -1, -1))[:1]
        return doubled.clone() if out is None else out.copy_(doubled)
    if is_free or rows * columns % ALIGNED_NUMBERS == 0:
        return torch.bmm(left, right) if out is None else torch.bmm(left, right, out=out)
    product = _make_room(left, networks, rows, columns)
    torch.bmm(left, right, out=product)
    out = left.new_empty(product.shape) if out is None else out
    return out.copy_(product)


def _align(matrices: Tensor) -> Tensor:
    """Return matrices [R, m, n], each of which begins at a multiple of 64 bytes."""
    is_aligned = (
        matrices.data_ptr() % _ALIGNED_BYTES == 0 and matrices.stride(0) % ALIGNED_NUMBERS == 0
    )
    first = matrices[0]
    if is_aligned and (first.is_contiguous() or first.mT.is_contiguous()):
        return matrices
    if first.mT.is_contiguous() and not first.is_contiguous():
        return _make_room(matrices, *matrices.mT.shape).copy_(matrices.mT).mT
    return _make_room(matrices, *matrices.shape).copy_(matrices)


def _make_room(like: Tensor, networks: int, rows: int, columns: int) -> Tensor:
    """Make room for matrices, each of which begins at a multiple of 64 bytes."""
    width = -(-rows * columns // ALIGNED_NUMBERS) * ALIGNED_NUMBERS
    room = like.new_empty(networks, width)[:, : rows * columns]
    return room.view(networks, rows, columns)


class _Product(torch.autograd.Function):
    """The product of matrices, and of their gradients."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:  # noqa: ANN401  # torch's own
        """Return the product."""
        ctx.save_for_backward(left, right)
        return multiply_plainly(left, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401  # torch's own
        """Return the gradients of both factors."""
        left, right = ctx.saved_tensors
        of_left = multiply_plainly(gradient, right.mT) if ctx.needs_input_grad[0] else None
        of_right = multiply_plainly(left.mT, gradient) if ctx.needs_input_grad[1] else None
        return of_left, of_right

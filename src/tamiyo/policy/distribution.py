"""A choice among legal alternatives, computed in logit space throughout.

Illegal logits are replaced by the smallest finite number before one log-softmax (invalid action
masking, Huang and Ontañón 2022, arXiv:2006.14171); probabilities are never renormalized. So the
only legal choice has log-probability exactly 0 and passes exactly no gradient to the logits, and
no infinity reaches the entropy.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from tamiyo.contracts import ShapeError

__all__ = ["MaskedCategorical", "draw_gumbel_noise"]


class MaskedCategorical:
    """Distributions over legal choices: of one head or of several, one row per environment.

    Args:
        logits: Unnormalized log-probabilities, shape ``[B, A]`` or, of several heads, ``[B, H, A]``
            (then the shapes below gain an axis ``H``), floating.
        legal: True where a choice is legal, shape of ``logits``, bool.

    Attributes:
        logits: As given.
        legal: As given.

    Raises:
        ShapeError: If ``legal`` is not bool or has another shape than ``logits``.

    >>> head = MaskedCategorical(torch.zeros(1, 3), torch.tensor([[True, False, True]]))
    >>> head.log_prob(torch.tensor([2])).exp(), head.normalized_entropy()
    (tensor([0.5000]), tensor([1.]))
    """

    def __init__(self, logits: Tensor, legal: Tensor) -> None:
        if legal.dtype != torch.bool or legal.shape != logits.shape:
            message = (
                f"legal must be bool of shape {list(logits.shape)}, "
                f"got {legal.dtype} of shape {list(legal.shape)}"
            )
            raise ShapeError(message)
        self.logits = logits
        self.legal = legal
        self._scores = torch.where(legal, logits, torch.finfo(logits.dtype).min)

    @cached_property
    def log_probs(self) -> Tensor:
        """Log-probability of every choice, shaped as ``logits``; the dtype's minimum if illegal."""
        # PyTorch's CPU kernel is vectorized over a leading dimension, not over a short last one.
        return self._scores.movedim(-1, 0).log_softmax(0).movedim(0, -1)

    def sample(self, gumbel_noise: Tensor) -> Tensor:
        """Draw a legal choice per row by the Gumbel-max trick.

        Args:
            gumbel_noise: From :func:`draw_gumbel_noise`, shape ``[B, A]``.

        Returns:
            Indices, shape ``[B]``, int64.
        """
        return (gumbel_noise + self._scores).argmax(-1)

    def best(self) -> Tensor:
        """Return the most probable legal choice per row, shape ``[B]``, int64."""
        return self._scores.argmax(-1)

    def log_prob(self, choice: Tensor) -> Tensor:
        """Return the log-probability of one choice per row.

        Args:
            choice: Indices, shape ``[B]``, int64.

        Returns:
            Shape ``[B]``, at most 0; the dtype's minimum for an illegal choice.
        """
        return self.log_probs.gather(-1, choice.unsqueeze(-1)).squeeze(-1)

    def is_legal(self, choice: Tensor) -> Tensor:
        """Return whether one choice per row is legal.

        Args:
            choice: Indices, shape ``[B]``, int64.

        Returns:
            Shape ``[B]``, bool; false whatever the choice if a row has no legal one.
        """
        return self.legal.gather(-1, choice.unsqueeze(-1)).squeeze(-1)

    def num_legal(self) -> Tensor:
        """Return the number of legal choices, shape ``[B]``, int64."""
        return self.legal.sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropy in nats, shape ``[B]``, in ``[0, ln(num_legal)]``."""
        # The smallest number would overflow in the gradient and makes exp ten times slower, so 0
        # stands in for it: 1 times 0 as well. As a constant ln p gives the same gradient in fewer
        # steps: the sum of p d(ln p) is d(1) = 0.
        log_probs = torch.where(self.legal, self.log_probs, 0.0)
        return -(log_probs.exp() * log_probs.detach()).sum(-1)

    def normalized_entropy(self) -> Tensor:
        """Return the entropy as a share of the largest possible, shape ``[B]``, in ``[0, 1]``.

        It is exactly 0 where only one choice is legal.
        """
        largest = self.num_legal().clamp_min(2).to(self.log_probs.dtype).log()
        return self.entropy() / largest


def draw_gumbel_noise(like: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Draw what makes the argmax of log-probabilities a sample.

    Args:
        like: A tensor of the wanted dtype and device with one row per environment.
        size: Numbers per row.
        generator: Source of the noise, on that device.

    Returns:
        Finite standard Gumbel noise, shape ``[B, size]``.
    """
    noise = like.new_empty(len(like), size).exponential_(generator=generator)
    # -ln of exponential noise is Gumbel noise; an exact 0 would make it infinite.
    return noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_().neg_()

"""Translated and cluttered canvases of digits, after cluttered MNIST (Mnih et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError

__all__ = ["CanvasConfig", "draw_canvases"]

_FEWEST_DIGITS = 2


@dataclass(frozen=True, kw_only=True)
class CanvasConfig:
    """What a canvas looks like.

    Attributes:
        canvas_size: Side of the square canvas, pixels.
        clutter_patches: Patches of other digits on each canvas, at least 0.
        patch_size: Side of a square patch, pixels, in [1, canvas_size].
        canvases_per_digit: Fixed canvases drawn from each held-out digit, at least 1.
    """

    canvas_size: int
    clutter_patches: int
    patch_size: int
    canvases_per_digit: int

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number is outside its range.
        """
        for name, smallest in (("clutter_patches", 0), ("canvases_per_digit", 1)):
            value = getattr(self, name)
            if value < smallest:
                message = f"{name} must be at least {smallest}, got {value}"
                raise ConfigError(message)
        if not 1 <= self.patch_size <= self.canvas_size:
            allowed = f"[1, canvas_size = {self.canvas_size}]"
            message = f"patch_size must be in {allowed}, got {self.patch_size}"
            raise ConfigError(message)


def draw_canvases(digits: Tensor, config: CanvasConfig, generator: torch.Generator) -> Tensor:
    """Draw one canvas for each digit: the digit somewhere, then patches of other digits over it.

    Where patches and digit overlap the brighter pixel wins, so no pixel of the digit gets darker.
    Places are uniform; a patch never comes from the canvas's own digit.

    Args:
        digits: Square source digits of one split, shape [N, 1, D, D], float32 in [0, 1].
        config: Size and clutter.
        generator: An owned CPU generator; it advances by
            ``N * (2 + 5 * clutter_patches)`` integers.

    Returns:
        Canvases in the order of the digits and on their device, shape
        [N, 1, canvas_size, canvas_size], float32.

    Raises:
        ConfigError: If a digit is not square, does not fit the canvas, is smaller than a patch,
            or is alone and so has no other digit to be cluttered with.
    """
    _check_digits(digits, config)
    count, side = len(digits), digits.shape[-1]
    size, patch, patches = config.canvas_size, config.patch_size, config.clutter_patches
    flat = digits.reshape(count, side * side)
    canvases = flat.new_zeros(count, size * size)

    places = _draw_integers(size - side + 1, (count, 2), generator, digits.device)
    canvases.scatter_(1, _window(places, side, size), flat)
    if patches:
        steps = 1 + _draw_integers(count - 1, (count, patches), generator, digits.device)
        corners = _draw_integers(side - patch + 1, (count, patches, 2), generator, digits.device)
        places = _draw_integers(size - patch + 1, (count, patches, 2), generator, digits.device)
        others = (torch.arange(count, device=digits.device)[:, None] + steps) % count
        pixels = flat[others].gather(2, _window(corners, patch, side))  # [N, K, P * P]
        targets = _window(places, patch, size)
        canvases.scatter_reduce_(1, targets.flatten(1), pixels.flatten(1), "amax")
    return canvases.reshape(count, 1, size, size)


def _check_digits(digits: Tensor, config: CanvasConfig) -> None:
    height, width = digits.shape[-2:]
    if height != width:
        message = f"digits must be square, got {height}x{width}"
        raise ConfigError(message)
    if width > config.canvas_size:
        message = (
            f"canvas_size must be at least the digits' {width} pixels, got {config.canvas_size}"
        )
        raise ConfigError(message)
    if config.clutter_patches and config.patch_size > width:
        message = f"patch_size must be at most the digits' {width} pixels, got {config.patch_size}"
        raise ConfigError(message)
    if config.clutter_patches and len(digits) < _FEWEST_DIGITS:
        message = (
            f"digits must be at least {_FEWEST_DIGITS} to clutter one another, got {len(digits)}"
        )
        raise ConfigError(message)


def _draw_integers(
    bound: int, shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draw integers in [0, bound) on the CPU, so that every device sees the same canvases."""
    return torch.randint(bound, shape, generator=generator).to(device)


def _window(corners: Tensor, side: int, stride: int) -> Tensor:
    """Flat indices [..., side * side] of windows at corners [..., 2] of images ``stride`` wide."""
    steps = torch.arange(side, device=corners.device)
    offsets = (steps[:, None] * stride + steps).flatten()
    return (corners[..., :1] * stride + corners[..., 1:]) + offsets

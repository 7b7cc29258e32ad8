"""How pictures are written: one style, whatever the user's own settings, and equal bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ConfigError
from tamiyo.ui.report import palette

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

__all__ = ["write_picture"]

_DOTS_PER_INCH: Final = 160
_STYLE: Final[dict[str, object]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": palette.INK,
    "axes.labelcolor": palette.INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
    "text.color": palette.INK,
    "xtick.color": palette.INK,
    "ytick.color": palette.INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}


def write_picture(
    draw: Callable[[Figure], None], path: Path, *, size_inches: tuple[float, float]
) -> None:
    """Write a picture as a PNG.

    Args:
        draw: Draws on the empty figure.
        path: The file to write; it is replaced if it exists.
        size_inches: Width and height.

    Raises:
        ConfigError: If matplotlib, the extra ``plot``, is not installed.
    """
    try:
        from matplotlib import style  # an optional extra, loaded when used
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # the same
        from matplotlib.figure import Figure  # the same
    except ImportError as error:
        message = "a picture needs matplotlib, got none: pip install 'tamiyo[plot]'"
        raise ConfigError(message) from error
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=size_inches, dpi=_DOTS_PER_INCH, facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        image = io.BytesIO()
        figure.savefig(image, format="png", metadata={"Software": None})
    path.write_bytes(image.getvalue())

"""Colors of the page, in light and in dark, from the palette of growth pictures."""

from __future__ import annotations

from typing import Final

from tamiyo.contracts import SeedStage
from tamiyo.ui.report import palette

__all__ = ["write_colors"]

_OPS: Final = {
    "WAIT": "#8C8C8C",
    "GERMINATE": palette.BORN,
    "ADVANCE": "#56B4E9",
    "SET_ALPHA_TARGET": "#E69F00",
    "FOSSILIZE": palette.KEPT,
    "PRUNE": palette.ROLLBACK,
}
_SERIES: Final = (
    palette.ACCURACY,
    palette.ROLLBACK,
    palette.KEPT,
    palette.BORN,
    palette.TWIN,
    "#56B4E9",
    "#8C8C8C",
    "#B8A900",
)
_LIFTED: Final = {
    palette.ACCURACY: "#5AB0F2",
    palette.ROLLBACK: "#FF8A4C",
    palette.KEPT: "#2FC99A",
    palette.PARAMETERS: "#B5B5B5",
}
"""What takes the place of a color that is too dark on a dark ground."""


def write_colors() -> str:
    """Write the colors as CSS: variables for both grounds, and a class for each thing."""
    names = {
        "accuracy": palette.ACCURACY,
        "committed": palette.COMMITTED,
        "twin": palette.TWIN,
        "parameters": palette.PARAMETERS,
        **{f"op-{op}": color for op, color in _OPS.items()},
        **{f"part-{index}": color for index, color in enumerate(_SERIES)},
        **{f"curve-{index}": color for index, color in enumerate(_SERIES)},
    }
    light = "".join(f"--{name}:{color};" for name, color in names.items())
    dark = "".join(
        f"--{name}:{_LIFTED[color]};" for name, color in names.items() if color in _LIFTED
    )
    rules = [
        f":root{{{light}}}",
        f':root[data-theme="dark"]{{{dark}}}',
        f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{dark}}}}}',
    ]
    rules += [f".{name}{{--own:var(--{name})}}" for name in names]
    rules += [f".fill-{name}{{fill:var(--{name});background:var(--{name})}}" for name in names]
    rules += [
        f".fill-{stage.name}{{fill:{color};background:{color}}}"
        for stage, (_, color) in (
            (stage, palette.STAGES[stage]) for stage in SeedStage if stage in palette.STAGES
        )
    ]
    return "\n".join(rules) + "\n"

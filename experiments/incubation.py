"""Does incubation pay? One structure, four ways to get it, on paired seeds.

Two seeds of one blueprint go into the first two slots of the task's host by one fixed schedule
and are committed in every arm. The arms differ only in what happens between germination and full
strength; the static rows have the structure from scratch. Every arm trains for the same epochs.
Run: ``python experiments/incubation.py``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from support.arms import build_arm, build_parser, print_comparison

if TYPE_CHECKING:
    from pathlib import Path

    from tamiyo.recipes import RunConfig


def main() -> None:
    """Run the arms and print the table."""
    parser = build_parser(__doc__, seeds=20, first_seed=100)
    parser.add_argument("--incubate", type=int, default=4, help="epochs of incubation")
    arguments = parser.parse_args()

    def build_arms(folder: Path) -> dict[str, RunConfig]:
        arm = partial(build_arm, arguments, folder, germinate=arguments.germinate)
        return {
            "full strength from birth": arm(ramp=False),
            "ramp": arm(),
            "incubate and ramp": arm(incubate_epochs=arguments.incubate),
            "incubate, full strength after": arm(incubate_epochs=arguments.incubate, ramp=False),
        }

    print_comparison(arguments, build_arms)


if __name__ == "__main__":
    main()

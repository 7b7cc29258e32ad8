"""Is growth worth more than the same structure from the start, at equal multiply-adds?

Two seeds of one blueprint go into the first two slots of the task's host. *Grown* plants them at
one epoch; the other arms have them from the first epoch on and train for as many epochs as grown's
multiply-adds pay for, with the seeds at the host's learning rate or at the lower one that grown
seeds have. Every arm ends with one structure. Run: ``python experiments/static_final.py``.
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
    parser = build_parser(__doc__, seeds=40, first_seed=200)
    parser.add_argument("--static-epochs", type=int, default=52, help="epochs of equal work")
    arguments = parser.parse_args()

    def build_arms(folder: Path) -> dict[str, RunConfig]:
        arm = partial(build_arm, arguments, folder)
        early = partial(arm, germinate=1, epochs=arguments.static_epochs)
        return {
            "grown": arm(germinate=arguments.germinate),
            "from epoch 1, equal multiply-adds, seeds at half rate": early(),
            "from epoch 1, equal multiply-adds, seeds at full rate": early(seed_factor=1.0),
        }

    print_comparison(arguments, build_arms)


if __name__ == "__main__":
    main()

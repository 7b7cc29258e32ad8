"""Copies of the package that a guide changes, and commands of such a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.support.pages import ROOT, apply_change, read_blocks

__all__ = ["PackageCopy"]


class PackageCopy:
    """A copy of the source that files and changes of a page are put into."""

    def __init__(self, folder):
        self.folder = folder
        without = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "src", folder / "src", ignore=without)

    def add_blocks(self, page):
        """Write the files that a page shows whole, and carry out the changes it shows."""
        for block in read_blocks(page):
            if block.file is None or not block.file.startswith("src/"):
                continue
            file = self.folder / block.file
            if block.language == "diff":
                apply_change(block.text, file)
            else:
                assert not file.exists(), f"{block.file} is there already"
                file.write_text(block.text, encoding="utf-8")

    def run(self, words):
        """Run a command of the copy in its folder; what it prints, refusals included."""
        program, *rest = words
        assert program == "tamiyo"
        source = f"import sys; sys.path.insert(0, {str(self.folder / 'src')!r})\n"
        begin = source + "from tamiyo.cli import main; sys.exit(main())"
        finished = subprocess.run(
            [sys.executable, "-c", begin, *rest],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        assert finished.returncode in {0, 2}, finished.stderr
        return finished.stdout + finished.stderr

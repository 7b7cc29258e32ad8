"""Run the command line with ``python -m tamiyo``."""

from __future__ import annotations

from tamiyo.cli import main

raise SystemExit(main())

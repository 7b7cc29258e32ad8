from __future__ import annotations

import io

import pytest
from rich.console import Console

from tamiyo.ui.terminal.symbols import choose_symbols


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_console_without_unicode_gets_signs_it_can_encode(encoding):
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    symbols = choose_symbols(console)
    signs = (symbols.up, symbols.down, symbols.level, symbols.plus_minus, symbols.arrow)
    assert "".join(signs).encode(encoding) == b"+- +->"


def test_a_unicode_console_gets_arrows():
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert choose_symbols(console).up == "▲"

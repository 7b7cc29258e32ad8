"""What holds for every test."""

from __future__ import annotations

import signal

import pytest
import torch


@pytest.fixture(autouse=True)
def exact_arithmetic(request):
    """On an accelerator, keep all 24 bits of a product: what is compared must be comparable."""
    allowed = torch.backends.cudnn.allow_tf32
    if request.node.get_closest_marker("gpu"):
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU that PyTorch can use")
        torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = allowed


def pytest_configure():
    """Let Ctrl-C through to the processes of tests, where pytest itself runs in the background.

    A shell has what it runs in the background ignore it, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

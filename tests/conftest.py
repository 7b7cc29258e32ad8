"""What holds for every test."""

from __future__ import annotations

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

"""Make tensors where the programs run."""

from collections.abc import Iterator

import pytest
import torch

from tests.on_triton.asking import DEVICE


@pytest.fixture(autouse=True)
def on_the_device() -> Iterator[None]:
    """Let what is made without a device be on the programs'."""
    with torch.device(DEVICE):
        yield

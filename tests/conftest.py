"""How every test runs: one thread, a fixed seed, and only the tests that this pass can run."""

import random

import pytest
import torch


@pytest.fixture(autouse=True)
def seed() -> None:
    """Start every test from the same random state, whichever tests ran before it."""
    random.seed(0)
    torch.manual_seed(0)


def pytest_configure(config: pytest.Config) -> None:
    """Keep torch to one thread: tests are small, and threads only make their sums vary."""
    torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave `compiled` tests to the pass without type checks, skip `gpu` tests without a GPU."""
    if config.getoption("--jaxtyping-packages"):
        compiled = [item for item in items if item.get_closest_marker("compiled")]
        config.hook.pytest_deselected(items=compiled)
        items[:] = [item for item in items if not item.get_closest_marker("compiled")]
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="needs a CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)

"""How every test runs: one thread, fixed seeds, no network, and only what this pass can run."""

import os
import random

import hypothesis
import pytest
import torch

# The same examples in every run, so that a failure repeats; slow machines are no failure.
hypothesis.settings.register_profile("regard", deadline=None, derandomize=True)
hypothesis.settings.load_profile("regard")

os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def seed() -> None:
    """Start every test from the same random state, whatever ran before it."""
    random.seed(0)
    torch.manual_seed(0)


def pytest_configure() -> None:
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

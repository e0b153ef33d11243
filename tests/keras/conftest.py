"""How layers of Keras are tested: on the backend that KERAS_BACKEND names, without a GPU."""

import os
from collections import defaultdict

import pytest

os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if os.environ["KERAS_BACKEND"] == "tensorflow":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Draw the same weights in every test, whatever ran before it."""
    import keras  # after what is set above

    keras.utils.set_random_seed(0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how far each layer was from its counterpart in PyTorch, as test_parity.py tells."""
    largest: defaultdict[str, float] = defaultdict(float)
    for report in terminalreporter.getreports(""):  # of what follows a test that has passed
        for name, deviation in report.user_properties:
            largest[name] = max(largest[name], deviation)
    if largest:
        terminalreporter.section(f"|a - b| / (1 + |b|) on {os.environ['KERAS_BACKEND']}, at most")
        for name, deviation in sorted(largest.items()):
            terminalreporter.line(f"{name:32} {deviation:.1e}")

"""Keras is imported by `regard.keras` alone; where it or its backend is missing that is said."""

import os
import subprocess
import sys

import keras
import pytest


def test_the_backend_is_the_one_asked_for() -> None:
    assert keras.backend.backend() == os.environ["KERAS_BACKEND"]


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch may compile there")
def test_the_compiler_of_pytorch_is_not_imported() -> None:
    """It imports triton where that is, and two copies of LLVM end a process with TensorFlow."""
    done = run("import regard.keras, sys; print('torch._dynamo' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(
    ("program", "environment", "said"),
    [
        ("import sys; sys.modules['keras'] = None", {}, "pip install 'regard[keras]'"),
        (
            "import sys; sys.modules['tensorflow'] = None",
            {"KERAS_BACKEND": "tensorflow"},
            "KERAS_BACKEND=torch",
        ),
    ],
    ids=["Keras", "its backend"],
)
def test_what_is_missing_is_said(program: str, environment: dict[str, str], said: str) -> None:
    done = run(f"{program}; import regard.keras", **environment)
    assert "regard.keras needs Keras 3" in done.stderr
    assert said in done.stderr


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )

"""What tests need that compile for the machine they run on."""

import os
import shutil

import pytest

__all__ = ["has_compiler", "needs_compiler"]

has_compiler = shutil.which(os.environ.get("CXX", "g++")) is not None

needs_compiler = pytest.mark.skipif(
    not has_compiler,
    reason="there is no C++ compiler here: install g++, or name one in CXX",
)

"""The guide's Python runs on any backend; layers, scores and normalizers have examples."""

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.guards.tree import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "keras.md").read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    names: dict[str, Any] = {"__name__": "guide"}
    for block in blocks:
        line = text.count("\n", 0, block.start()) + 1
        exec(compile("\n" * line + block[1], "docs/keras.md", "exec"), names)
    assert len(blocks) >= 8
    assert (tmp_path / "heads.keras").exists()


def test_the_guide_names_the_examples_there_are() -> None:
    text = (ROOT / "docs" / "keras.md").read_text("utf-8")
    named = set(
        re.findall(r"^KERAS_BACKEND=torch python (examples/keras/\w+\.py)$", text, re.MULTILINE)
    )
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "examples" / "keras").glob("*.py")}
    assert named == there


def test_docstrings_have_examples() -> None:
    """Every comparison, normalizer and layer has one."""
    finder = doctest.DocTestFinder()
    for name in ("many_to_many", "many_to_one", "multi_head", "normalizers", "scores"):
        module = importlib.import_module(f"regard.keras.{name}")
        examples = {test.name.rsplit(".", 1)[-1]: test.examples for test in finder.find(module)}
        missing = [public for public in module.__all__ if not examples.get(public)]
        assert not missing, f"{name}: {missing}"

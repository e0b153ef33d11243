"""Everything about training stands in the manual."""

import re

from tests.guards.tree import ROOT


def test_every_module_has_its_place_in_the_manual() -> None:
    modules = {path.stem for path in (ROOT / "src/regard/training").glob("[!_]*.py")}
    manual = (ROOT / "docs/api/training.md").read_text("utf-8")
    assert set(re.findall(r"^::: regard\.training\.(\w+)$", manual, re.MULTILINE)) == modules

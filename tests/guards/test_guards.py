"""Every file of the project keeps the rules of the house."""

from collections.abc import Callable

import pytest

import regard
from tests.guards import rules
from tests.guards.tree import ROOT, Source, python_files, text_files

PACKAGE = python_files("src")
TESTS = python_files("tests")
PYTHON = python_files("src", "tests", "benchmarks", "examples", "docs")
EXPORTING = [
    source
    for source in PACKAGE
    if source.path == "src/regard/interfaces.py"
    or source.path.startswith(("src/regard/functional/", "src/regard/kernels/"))
    or source.path.startswith(("src/regard/keras/", "src/regard/nn/"))
]
MECHANISMS = [
    source
    for source in PACKAGE
    if source.path.startswith(("src/regard/functional/", "src/regard/keras/"))
    and source.path.endswith(("/biases.py", "/normalizers.py", "/scores.py"))
]


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        (rules.discarded_comparisons, TESTS),
        (rules.unexplained_skips, TESTS),
        (rules.tests_without_assertion, TESTS),
        (rules.grab_bag_names, PYTHON),
        (rules.unfinished_work, PACKAGE),
        (rules.long_files, PACKAGE + TESTS),
        (rules.postponed_annotations, PACKAGE),
        (rules.machine_paths, text_files()),
        (rules.mechanisms_without_source, MECHANISMS),
        (rules.inexact_exports, EXPORTING),
    ],
    ids=lambda value: getattr(value, "__name__", "files"),
)
def test_rule_is_kept(rule: Callable[[Source], list[str]], sources: list[Source]) -> None:
    assert sources, "there is nothing to look at"
    violations = [violation for source in sources for violation in rule(source)]
    assert not violations, "\n" + "\n".join(violations)


def test_changelog_begins_with_the_version_of_the_package() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert rules.version_mismatch(regard.__version__, changelog) == []

"""Every rule catches what it is for, and lets pass what looks like it."""

from collections.abc import Callable

import pytest

from tests.guards import rules
from tests.guards.tree import Source

Rule = Callable[[Source], list[str]]

HOME = "/" + "home/someone"  # in two parts, or the guard would find it here

BROKEN = [
    (rules.discarded_comparisons, "torch.allclose(a, b)"),
    (rules.discarded_comparisons, "def test_it():\n    a.equal(b)"),
    (rules.unexplained_skips, "@pytest.mark.skip\ndef test_it(): ..."),
    (rules.unexplained_skips, "@pytest.mark.skip()\ndef test_it(): ..."),
    (rules.unexplained_skips, "@pytest.mark.skipif(True, reason='')\ndef test_it(): ..."),
    (rules.unexplained_skips, "@pytest.mark.xfail\ndef test_it(): ..."),
    (rules.unexplained_skips, "pytest.skip()"),
    (rules.unexplained_skips, "pytest.importorskip('keras')"),
    (rules.tests_without_assertion, "def test_it():\n    attention(query, key, value)"),
    (rules.tests_without_assertion, "class TestIt:\n    def test_it(self):\n        assert True"),
    (rules.tests_without_assertion, "def test_it():\n    assert (a == b, 'never false')"),
    (rules.unfinished_work, "# TO" + "DO later"),
    (rules.unfinished_work, "raise NotImplementedError"),
    (rules.long_files, "x = 1\n" * 401),
    (rules.postponed_annotations, "from __future__ import annotations"),
    (rules.machine_paths, f"data = '{HOME}/data'"),
    (rules.machine_paths, f"see file://{HOME}/data"),
    (rules.mechanisms_without_source, "def dot(query, key):\n    '''Multiply.'''"),
    (rules.mechanisms_without_source, "def dot(query, key): ..."),
    (rules.inexact_exports, "def dot(): ..."),
    (rules.inexact_exports, "__all__ = ['cosine', 'dot']\ndef dot(): ..."),
    (rules.inexact_exports, "__all__ = ['dot']\ndef cosine(): ...\ndef dot(): ..."),
    (rules.inexact_exports, "__all__ = ['dot', 'cosine']\ndef cosine(): ...\ndef dot(): ..."),
]

SOUND = [
    (rules.discarded_comparisons, "assert torch.allclose(a, b, atol=1e-6)"),
    (rules.discarded_comparisons, "torch.testing.assert_close(a, b)"),
    (rules.unexplained_skips, "@pytest.mark.skipif(no_gpu, reason='no GPU')\ndef test_it(): ..."),
    (rules.unexplained_skips, "pytest.skip('no compiler')"),
    (rules.unexplained_skips, "skip = pytest.mark.skip(reason=why)"),
    (rules.tests_without_assertion, "def test_it():\n    assert_close(a, b)"),
    (
        rules.tests_without_assertion,
        "def test_it():\n    with pytest.raises(ValueError):\n        f()",
    ),
    (rules.tests_without_assertion, "def helper():\n    return 1"),
    (rules.unfinished_work, "# the hackathon's data"),
    (rules.long_files, "x = 1\n" * 400),
    (rules.postponed_annotations, "from __future__ import division"),
    (rules.machine_paths, f"see https://example.org{HOME}"),
    (rules.machine_paths, "open(tmp_path / 'work/data')"),
    (
        rules.mechanisms_without_source,
        "def dot():\n    '''Multiply.\n\n    Source: Luong, eq. 8.\n    '''",
    ),
    (rules.mechanisms_without_source, "def _tile(): ..."),
    (rules.inexact_exports, "__all__ = ['K', 'Dot', 'dot']\nK = 1\nclass Dot: ...\ndef dot(): ..."),
    (rules.inexact_exports, "from torch import Tensor\nState = TypeVar('State')"),
    (rules.inexact_exports, "__all__ = ['BOS', 'PAD']\nPAD, BOS = range(2)"),
    (rules.inexact_exports, "def _tile(): ..."),
]


def numbered(cases: list[tuple[Rule, str]]) -> list[object]:
    return [
        pytest.param(rule, text, id=f"{rule.__name__}-{number}")
        for number, (rule, text) in enumerate(cases)
    ]


@pytest.mark.parametrize(("rule", "text"), numbered(BROKEN))
def test_broken_rule_is_found(rule: Rule, text: str) -> None:
    assert rule(Source("src/regard/example.py", text)) != []


@pytest.mark.parametrize(("rule", "text"), numbered(SOUND))
def test_kept_rule_is_left_alone(rule: Rule, text: str) -> None:
    assert rule(Source("src/regard/example.py", text)) == []


@pytest.mark.parametrize(
    "path", ["src/regard/utils.py", "src/regard/common/beam.py", "tests/_helpers.py"]
)
def test_grab_bag_is_found(path: str) -> None:
    assert rules.grab_bag_names(Source(path, "")) != []


def test_module_named_after_its_content_is_left_alone() -> None:
    assert rules.grab_bag_names(Source("src/regard/data/commonvoice.py", "")) == []


def test_package_offers_what_it_imports() -> None:
    text = "__all__ = ['DotScore']\nfrom regard.nn.scores import CosineScore, DotScore"
    assert rules.inexact_exports(Source("src/regard/nn/__init__.py", text)) != []
    assert rules.inexact_exports(Source("src/regard/nn/scores.py", text.replace("DotS", "S"))) != []


@pytest.mark.parametrize("changelog", ["", "## [0.0.9] - 2026-01-01", "## [0.2.0]\n\n## [0.1.0]"])
def test_other_version_at_the_top_of_the_changelog_is_found(changelog: str) -> None:
    assert rules.version_mismatch("0.1.0", changelog) != []


def test_same_version_at_the_top_of_the_changelog_is_left_alone() -> None:
    assert rules.version_mismatch("0.1.0", "# Changelog\n\n## [0.1.0] - 2026-11-21\n") == []

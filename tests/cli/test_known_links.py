"""`regard evaluate --links`: how good alignments are."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import regard
from regard.cli.main import main
from regard.data.links import read_links
from regard.recipes.translate.alignments import alignment_figures
from regard.training.run_directory import RunDirectory
from tests.toy_language import make_pairs, write_pairs

Refusal = Callable[[list[str]], str]


@pytest.fixture
def links(tmp_path: Path) -> str:
    """Link the words of the toy language's test set, whose order is the same in both languages."""
    path = tmp_path / "test.links"
    sources = [pair.source.split() for pair in make_pairs(700)[600:]]
    lines = (" ".join(f"{word}-{word}" for word in range(len(source))) for source in sources)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(path)


def test_links_add_figures_to_the_others(
    run: str, links: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", run, "--split", "test", "--links", links, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["test"]
    pairs = make_pairs(700)[600:]
    added = alignment_figures(regard.load(run), pairs, read_links(links, pairs))
    assert figures == RunDirectory(run).metrics()["test"] | added
    assert 0 < figures["alignment_error_rate"] < 100


def test_the_table_shows_them(run: str, links: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", run, "--links", links]) == 0
    printed = capsys.readouterr().out
    for title in ("entropy of the alignment", "alignment error rate", "precision", "recall"):
        assert title in printed


@pytest.mark.usefixtures("folder")
def test_other_pairs_have_links_of_their_own(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_pairs(Path("two.tsv"), make_pairs(2, seed=5))
    Path("two.links").write_text("0-0\n0?0\n")
    assert main(["evaluate", run, "--pairs", "two.tsv", "--links", "two.links", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["two.tsv"]
    assert figures["alignment_recall"] in (0, 100)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (None, "a.links: no such file"),
        ("", "a.links has 0 lines, but there are 30 pairs; "),
        ("0-0\n" * 29, "a.links has 29 lines, but there are 30 pairs; "),
        ("\n" * 29 + "0/0\n", "a.links, line 30: '0/0' is no link; expected 0-2, or 0?2 for"),
        ("0-9\n" + "\n" * 29, "a.links, line 1: 0-9 links word 9 of the target, of which "),
        ("\xe4\n" * 30, "a.links, line 1: not UTF-8 "),
    ],
)
def test_unusable_links_are_named(
    text: str | None, answer: str, run: str, refusal: Refusal
) -> None:
    if text is not None:
        Path("a.links").write_text(text, "latin-1")
    said = refusal(["evaluate", run, "--pairs", "pairs.tsv", "--links", "a.links"])
    assert said.startswith(answer)

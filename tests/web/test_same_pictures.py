"""A system is drawn alike by `regard inspect`, by `regard.show` and on the served page."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from regard.cli.main import main
from regard.recipes.run import load
from regard.recipes.show import show

TEXTS = {
    **dict.fromkeys(("translator", "heads"), ("ein haus rot",)),
    **dict.fromkeys(("classifier", "reader"), ("The film was wonderful.",)),
    "matcher": ("who is it ?", "it is me ."),
    "writer": ("the dog",),
}


def articles(page: str) -> list[str]:
    return re.findall(r"<article.*?</article>", page, re.DOTALL)


def table(page: str) -> str:
    """Return the first table of weights, with what its rows and columns are."""
    [found, *_] = re.findall(r'<table class="weights">.*?</table>', page, re.DOTALL)
    return str(found)


@pytest.mark.parametrize("run", TEXTS)
def test_pages_show_the_same(run: str, folders: dict[str, Path], tmp_path: Path) -> None:
    inspected, shown = tmp_path / "inspected.html", tmp_path / "shown.html"
    assert main(["inspect", str(folders[run]), *TEXTS[run], "--html", str(inspected)]) == 0
    show(load(folders[run]), *TEXTS[run]).save(shown)
    one, other = (articles(path.read_text("utf-8")) for path in (inspected, shown))
    assert one == other
    assert len(one) == (2 if run in ("heads", "reader", "writer") else 1)


@pytest.mark.parametrize("run", ["translator", "heads", "matcher"])
def test_the_server_shows_the_same_table(
    client: TestClient, run: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    texts = TEXTS[run]
    names = ["left", "right"] if len(texts) == 2 else ["text"]
    seen = client.post("/api/look", json={"run": run, **dict(zip(names, texts, strict=True))})
    show(load(folders[run]), *texts).save(tmp_path / "shown.html")
    assert table(seen.json()["fragment"]) == table((tmp_path / "shown.html").read_text("utf-8"))


def test_rows_and_columns_are_named_for_what_they_are(folders: dict[str, Path]) -> None:
    matched = show(load(folders["matcher"]), *TEXTS["matcher"])._repr_html_()
    read = show(load(folders["writer"]), *TEXTS["writer"])._repr_html_()
    assert "a row per left token, a column per right token" in matched
    assert "a row per later token, a column per earlier token" in read


def test_of_several_heads_it_is_said_whose_alignment_is_shown(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ["inspect", str(folders["heads"]), "ein haus", "--layer", "0", "--head", "1"]
    assert main([*words, "--html", str(page)]) == 0
    assert "layer 0, head 1</h2>" in page.read_text("utf-8")

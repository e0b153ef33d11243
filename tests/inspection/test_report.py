"""The HTML page needs nothing but itself, lets no text act, and can be read by machines."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
import torch

from regard.inspection.alignment import Alignment
from regard.inspection.report import Example, Report, render, save
from tests.inspection.page import HOSTILE, Page


@pytest.fixture
def alignment() -> Alignment:
    weights = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.37, 0.63]])
    return Alignment(weights, ["der", "hund", "läuft"], ["a", "dog"], "der hund läuft")


def page_of(*examples: Example, title: str = "Report", **figures: str) -> Page:
    return Page(render(Report(title, examples, figures)))


def test_the_page_is_well_formed(alignment: Alignment) -> None:
    page = page_of(Example(alignment, "s", "p", "r"), Example(alignment), accuracy="99 %")
    assert page.open == []
    assert len(page.all("article")) == 2


def test_cells_have_their_weight_as_colour_number_and_hint(alignment: Alignment) -> None:
    page = page_of(Example(alignment))
    cells = [cell for cell in page.all("td") if cell]
    assert [cell["class"] for cell in cells] == ["w100", "w0", "w0", "w0", "w37", "w63"]
    assert cells[4]["title"] == "dog ← hund: 0.37"
    assert [text for tag, text in page.texts if tag == "td"] == ["100", "0", "0", "0", "37", "63"]


def test_tables_have_headers_that_name_rows_and_columns(alignment: Alignment) -> None:
    page = page_of(Example(alignment))
    assert [header["scope"] for header in page.all("th")] == ["col"] * 3 + ["row"] * 2
    assert page.all("th")[0]["title"] == "der: coverage 1"
    assert page.all("th")[3]["title"] == "a: entropy 0 nats"
    assert any(tag == "caption" for tag, _ in page.texts)
    assert page.all("div")[-1]["tabindex"] == "0"


def test_a_weight_just_above_one_has_no_negative_entropy() -> None:
    page = page_of(Example(Alignment(torch.tensor([[1.0001]]), ["x"], ["a"])))
    assert page.all("th")[1]["title"] == "a: entropy 0 nats"


def test_a_pair_is_told_by_its_own_words_and_by_sums() -> None:
    # As in an ABCNN, what a row gives is no share of anything.
    pair = Alignment(torch.tensor([[0.9, 0.8], [0.5, 0.25]]), ["c", "d"], ["a", "b"], "match 83 %")
    page = page_of(Example(pair, "c d", "a b", row="left", column="right"))
    assert ("caption", "Weights in percent: a row per left token, a column per right token") in (
        page.texts
    )
    assert [text for tag, text in page.texts if tag in {"dt", "dd"}] == [
        *("Left", "a b"),
        *("Right", "c d"),
    ]
    hints = [header["title"] for header in page.all("th")]
    assert hints == ["c: sum 1.4", "d: sum 1.05", "a: sum 1.7", "b: sum 0.75"]


def test_figures_and_texts_are_shown_and_what_is_missing_is_not(alignment: Alignment) -> None:
    page = page_of(Example(alignment, prediction="a dog runs", reference=""), accuracy="99 %")
    texts = [text for tag, text in page.texts if tag in {"dt", "dd"}]
    assert texts == ["accuracy", "99 %", "Prediction", "a dog runs", "Reference", "∅"]


def test_no_text_acts() -> None:
    hostile = Alignment(torch.ones(1, 1), [HOSTILE], [HOSTILE], HOSTILE)
    page = page_of(Example(hostile, HOSTILE, HOSTILE, HOSTILE), title=HOSTILE, **{HOSTILE: HOSTILE})
    assert page.open == []
    assert page.all("script") == [{"type": "application/json"}, {}]
    names = {name for _, attributes in page.elements for name in attributes}
    assert names <= {
        *("charset", "class", "content", "dir", "http-equiv", "id", "lang", "name", "scope"),
        *("tabindex", "title", "type", "role", "aria-hidden", "aria-labelledby"),
    }
    shown = HOSTILE.replace("\x00", r"\x00").replace("\u202e", r"\u202e")
    assert [text for tag, text in page.texts if tag == "dd"] == [shown] * 4


def test_the_page_asks_for_nothing_from_elsewhere(alignment: Alignment) -> None:
    text = render(Report("Report", [Example(alignment)], {"a": "b"}))
    # The name of what a drawing is made of, which nobody looks up.
    assert re.findall(r"\w+://[\w./]+", text) == ["http://www.w3.org/2000/svg"]
    page = Page(text)
    names = {name for _, attributes in page.elements for name in attributes}
    assert names.isdisjoint({"src", "href", "srcset", "action"})
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_style_and_script_and_nothing_else(alignment: Alignment) -> None:
    page = page_of(Example(alignment))
    policies = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    style = next(text for tag, text in page.texts if tag == "style")
    _, script = (text for tag, text in page.texts if tag == "script")
    [policy] = policies
    assert policy == (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_every_class_of_a_cell_has_a_colour_in_both_themes(alignment: Alignment) -> None:
    text = render(Report("Report", [Example(alignment)]))
    light, dark = (set(re.findall(r"\.w(\d+) ", part)) for part in halves(text))
    assert light == dark == {str(step) for step in range(101)}


def halves(text: str) -> tuple[str, str]:
    """Return the page before and after the rules that hold for dark screens begin."""
    style = text.partition("</style>")[0]
    before, _, after = style.rpartition("prefers-color-scheme: dark")
    return before, after


def test_right_to_left_text_finds_its_direction(alignment: Alignment) -> None:
    hebrew = Alignment(alignment.weights, ["שלום", "עולם", "x"], ["a", "b"], "שלום")
    page = page_of(Example(hebrew, source="שלום עולם"))
    for tag in ("h1", "h2", "dd", "span"):
        shown = [element for element in page.all(tag) if "aria-hidden" not in element]
        assert {element.get("dir") for element in shown} == {"auto"}


@pytest.mark.parametrize(
    ("source", "directions"),
    [
        (["d", "e", "."], ["flat", "flat", "flat"]),
        (["der", "天安门", "."], ["turned", "stacked", "flat"]),
        (["der", "👩\u200d👧", "."], ["turned", "flat", "flat"]),
    ],
)
def test_column_names_stand_as_their_script_wants(
    alignment: Alignment, source: list[str], directions: list[str]
) -> None:
    page = page_of(Example(Alignment(alignment.weights, source, ["a", "b"])))
    assert [header["class"] for header in page.all("th")[:3]] == directions


def test_a_token_of_any_length_is_whole_only_once(alignment: Alignment) -> None:
    source = ["x" * 10_000, "y", "z"]
    text = render(Report("Report", [Example(Alignment(alignment.weights, source, ["a", "b"]))]))
    assert text.count("x" * 10_000) == 1


def test_an_empty_alignment_says_so() -> None:
    page = page_of(Example(Alignment(torch.zeros(0, 1), ["x"], [])))
    assert page.all("table") == []
    assert {"type": "application/json"} not in page.all("script")
    assert ("p", "nothing to draw: 0 target × 1 source tokens") in page.texts


def test_saving_writes_the_page_and_nothing_else(alignment: Alignment, tmp_path: Path) -> None:
    report = Report("Größe", [Example(alignment)])
    save(report, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render(report)
    assert len(list(tmp_path.iterdir())) == 1


def test_failure_leaves_no_file(
    alignment: Alignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="no space left"):
        save(Report("Report", [Example(alignment)]), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []

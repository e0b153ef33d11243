"""Pictures are what their suffix says, whole, and show every token as text."""

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import imread

from regard.inspection.alignment import Alignment
from regard.inspection.figures import plots
from regard.inspection.figures.fonts import Fonts, fonts_for
from regard.inspection.palette import ON_LIGHT

MAGIC = {".pdf": b"%PDF-", ".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml"}


@pytest.fixture
def alignment() -> Alignment:
    weights = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.3, 0.7]])
    return Alignment(weights, ["der", "hund", "läuft"], ["a", "dog"], "der hund läuft → a dog")


@pytest.mark.parametrize("suffix", plots.SUFFIXES)
def test_files_are_what_their_suffix_says(
    alignment: Alignment, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"picture{suffix.upper()}"
    plots.save(alignment, path)
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", plots.SUFFIXES)
def test_the_same_alignment_gives_the_same_bytes(
    alignment: Alignment, tmp_path: Path, suffix: str
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    plots.save(alignment, first)
    plots.save(alignment, second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["picture.jpg", "picture", "picture.png.gz"])
def test_an_unknown_suffix_is_refused_by_name(
    alignment: Alignment, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=rf"{re.escape(name)}.*\.pdf, \.png or \.svg"):
        plots.save(alignment, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_no_file(
    alignment: Alignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Figure, path: Path, **__: object) -> None:
        path.write_bytes(b"half a picture")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        plots.save(alignment, tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_cells_have_the_colours_of_their_weights(alignment: Alignment, tmp_path: Path) -> None:
    plots.save(alignment, tmp_path / "picture.png")
    pixels = imread(tmp_path / "picture.png")[..., :3].reshape(-1, 3)
    colours = {bytes(round(float(channel) * 255) for channel in pixel).hex() for pixel in pixels}
    assert {ON_LIGHT[step][1:] for step in (0, 30, 70, 100)} <= colours


def test_the_first_target_token_is_at_the_top(alignment: Alignment) -> None:
    axes = plots.draw(alignment).axes[0]
    names = {label.get_text(): label.get_position()[1] for label in axes.get_yticklabels()}
    heights = {name: axes.transData.transform((0, place))[1] for name, place in names.items()}
    assert heights["a"] > heights["dog"]


def svg_texts(path: Path) -> list[str]:
    namespace = "{http://www.w3.org/2000/svg}"
    return [element.text or "" for element in ET.parse(path).iter(f"{namespace}text")]


def test_text_in_an_svg_is_text(alignment: Alignment, tmp_path: Path) -> None:
    plots.save(alignment, tmp_path / "picture.svg")
    texts = svg_texts(tmp_path / "picture.svg")
    assert {"der", "hund", "läuft", "a", "dog", alignment.title} <= set(texts)


def test_tokens_are_no_formulas_and_no_markup(tmp_path: Path) -> None:
    tokens = ["$x$", r"$\frac{", "<script>", "&amp;", "\x1b[31m", "\n", "\uffff"]
    weights = torch.eye(len(tokens))
    plots.save(Alignment(weights, tokens, tokens, r"$\bad"), tmp_path / "picture.svg")
    texts = svg_texts(tmp_path / "picture.svg")
    assert {"$x$", r"$\frac{", "<script>", "&amp;", r"\x1b[31m", r"\n", r"\uffff"} <= set(texts)
    assert r"$\bad" in texts


def test_every_character_an_installed_font_has_is_covered() -> None:
    assert fonts_for("plain ASCII, Ελληνικά, кириллица") == Fonts(["DejaVu Sans"], [])


def test_characters_no_font_has_are_warned_of_once(tmp_path: Path) -> None:
    assigned_to_nobody = "\U000effff\U0003fffd"
    alignment = Alignment(torch.ones(1, 1), [assigned_to_nobody], [assigned_to_nobody])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plots.save(alignment, tmp_path / "picture.png")
    assert [str(warning.message)[:21] for warning in caught] == ["no installed font has"]


def test_an_svg_leaves_missing_characters_to_its_viewer(tmp_path: Path) -> None:
    alignment = Alignment(torch.ones(1, 1), ["\U0003fffd"], ["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save(alignment, tmp_path / "picture.svg")
    assert "\U0003fffd" in svg_texts(tmp_path / "picture.svg")


def test_the_figure_grows_with_the_tokens_up_to_a_limit() -> None:
    def size(num_source: int) -> tuple[float, float]:
        weights = torch.zeros(2, num_source)
        figure = plots.draw(Alignment(weights, ["x"] * num_source, ["a", "b"]))
        return figure.get_figwidth(), figure.get_figheight()

    assert size(5) < size(50) < size(500)
    assert size(500)[0] < 50


def test_many_tokens_are_named_at_intervals() -> None:
    figure = plots.draw(Alignment(torch.zeros(1, 1000), ["x"] * 1000, ["a"]))
    assert 100 < len(figure.axes[0].get_xticks()) < 500


def test_an_empty_alignment_is_a_picture_that_says_so(tmp_path: Path) -> None:
    plots.save(Alignment(torch.zeros(0, 1), ["x"], []), tmp_path / "picture.svg")
    assert "nothing to draw: 0 target × 1 source tokens" in svg_texts(tmp_path / "picture.svg")


def test_drawing_leaves_matplotlib_as_it_was(alignment: Alignment, tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.save(alignment, tmp_path / "picture.svg")
    assert dict(mpl.rcParams) == before

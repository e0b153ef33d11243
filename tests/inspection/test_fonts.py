"""Fonts are found for any script, those installed a moment ago too, and what none has is told."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from matplotlib.image import imread

from regard.inspection.alignment import Alignment
from regard.inspection.figures import fonts, plots
from regard.inspection.figures.fonts import fonts_for, missing_notice

# Assigned to nobody, so that only our fonts have them.
FIRST, SECOND, NEVER = "\U000e5fff\U0003fffc\U0003fffd"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the list of the files that are installed besides those that matplotlib knows."""
    files: list[str] = []
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: list(files))
    forget()
    yield files
    forget()


def forget() -> None:
    fonts._add_new_fonts.cache_clear()
    fonts._installed.cache_clear()


def make_font(folder: Path, name: str, characters: str) -> str:
    """Write a font that draws a square for each character."""
    pen = TTGlyphPen(None)
    for number, corner in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap(dict.fromkeys(map(ord, characters), "square"))
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (800, 0), "square": (800, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWeightClass=400)
    builder.setupPost()
    path = folder / f"{name}.ttf"
    builder.save(path)
    return str(path)


def test_fonts_that_were_installed_since_matplotlib_looked_are_found(
    installed: list[str], tmp_path: Path
) -> None:
    installed += [make_font(tmp_path, "One", FIRST), make_font(tmp_path, "Other", SECOND)]
    assert fonts_for(f"a{FIRST}{SECOND}").families == ["DejaVu Sans", "One", "Other"]
    assert fonts_for(f"a{FIRST}{SECOND}{NEVER}").missing == [NEVER]


def test_a_font_that_was_found_draws(installed: list[str], tmp_path: Path) -> None:
    installed.append(make_font(tmp_path, "One", FIRST))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save(Alignment(torch.zeros(1, 1), [FIRST], ["a"]), tmp_path / "one.png")
        plots.save(Alignment(torch.zeros(1, 1), [FIRST], ["a"]), tmp_path / "one.pdf")
    pixels = imread(tmp_path / "one.png")[..., :3].sum(-1)
    above = pixels[: pixels.shape[0] // 2, : pixels.shape[1] // 2]
    # A square, filled: no box with letters in it.
    assert (above == 0).sum() > 150


def test_what_cannot_be_read_as_a_font_is_passed_over(installed: list[str], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ttf"
    damaged.write_bytes(b"no font")
    installed += [str(damaged), str(tmp_path / "gone.ttf"), make_font(tmp_path, "One", FIRST)]
    assert fonts_for(FIRST).families == ["DejaVu Sans", "One"]


@pytest.mark.parametrize(
    ("text", "region"), [("日本", "SC"), ("日本のテスト", "JP"), ("한국 日本", "KR"), ("a", "SC")]
)
def test_ideographs_are_drawn_as_where_the_text_is_from(
    text: str, region: str, installed: list[str], tmp_path: Path
) -> None:
    every = "日本のテスト한국"
    regions = ("HK", "JP", "KR", "SC")
    installed += [make_font(tmp_path, f"Sans CJK {each}", every + FIRST) for each in regions]
    fontManager.ttflist = [one for one in fontManager.ttflist if "CJK" not in one.name]
    assert fonts_for(text + FIRST).families == ["DejaVu Sans", f"Sans CJK {region}"]


@pytest.mark.parametrize(
    ("character", "font"),
    [
        ("京", "Noto Sans CJK"),
        ("テ", "Noto Sans CJK"),
        ("국", "Noto Sans CJK"),
        ("ह", "Noto Sans Devanagari"),
        ("ི", "Noto Sans Tibetan"),
        ("🦖", "Noto Emoji"),
        (NEVER, "a font that has them"),
    ],
)
def test_a_font_is_named_for_what_none_has(
    character: str, font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_installed", list)
    monkeypatch.setattr(fonts, "_add_new_fonts", lambda: False)
    assert missing_notice(character) == (
        f"no installed font has {character}; the picture shows boxes instead. "
        f"Install {font}, or save as .svg."
    )


def test_of_many_characters_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_installed", list)
    monkeypatch.setattr(fonts, "_add_new_fonts", lambda: False)
    many = "".join(chr(0x4E00 + number) for number in range(500))
    notice = missing_notice(many + "🦖")
    assert "一 丁" in notice
    assert "… (501 characters); " in notice
    assert "Install Noto Emoji, Noto Sans CJK, or" in notice
    assert len(notice) < 200


def test_right_to_left_text_is_laid_out_from_the_right(tmp_path: Path) -> None:
    first = picture_of("אוו", tmp_path / "first.png")
    last = picture_of("ווא", tmp_path / "last.png")
    # The wide letter stands where reading begins: on the right, then on the left.
    assert ink_on_the_right(first) > ink_on_the_right(last)


def picture_of(text: str, path: Path) -> Path:
    plots.save(Alignment(torch.zeros(0, 1), ["x"], [], title=text), path)
    return path


def ink_on_the_right(path: Path) -> float:
    """Return the share of what is drawn that stands in the right half of the title."""
    pixels = 3 - imread(path)[..., :3].sum(-1)
    title = pixels[: pixels.shape[0] // 2]
    columns = title.sum(0).nonzero()[0]
    middle = (columns[0] + columns[-1]) // 2
    return float(title[:, middle:].sum() / title.sum())

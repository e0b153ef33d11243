"""`regard mechanism` shows how attention computes, and refuses what it cannot show in one line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from regard.cli.main import main
from regard.inspection.mechanism_example import BIASES, NORMALIZERS, SCORES

Refusal = Callable[[Sequence[str]], str]


def shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["mechanism", *words]) == 0
    return capsys.readouterr().out


def test_the_default_is_what_everybody_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown([], capsys)
    assert "scaled_dot: sᵢⱼ = qᵢ · kⱼ / √d" in out
    assert "softmax: wⱼ = exp(sⱼ) / ∑ᵢ exp(sᵢ)" in out
    assert out.count("weights 3 × 3") == 1
    assert "mask" not in out
    assert shown([], capsys) == out


@pytest.mark.parametrize("score", SCORES)
def test_every_score_can_be_shown(score: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"↓ {score}" in shown([score], capsys)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_every_normalizer_can_be_shown(normalizer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"↓ {normalizer}" in shown(["dot", "--normalizer", normalizer], capsys)


def test_words_and_masks_are_those_that_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(["--tokens", "我 爱 自然", "--queries", "自然", "--window", "1,0"], capsys)
    assert "weights 1 × 3" in out
    mask = out.splitlines()[[line.split()[:1] for line in out.splitlines()].index(["weights"]) - 2]
    assert mask.split()[-3:] == ["no", "yes", "yes"]
    causal = shown(["--causal", "--bias", "alibi", "--width", "2", "--seed", "3"], capsys)
    assert causal.count("no") >= 3
    assert "add the bias" in causal
    assert "query 3 × 2" in causal
    assert shown(["--causal", "--window", "1,5"], capsys) == shown(["--window", "1,0"], capsys)


def test_seeds_draw_other_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(["--seed", "1"], capsys) != shown(["--seed", "2"], capsys)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_drawn(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pictures" / f"flow{suffix}"
    assert shown(["additive", "--png", str(path)], capsys).endswith(f"wrote {path}\n")
    content = path.read_bytes()
    assert content.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    if suffix == ".svg":
        texts = {part.text for part in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")}
        assert {"additive × softmax", "query", "context", "the"} <= texts


def test_a_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flow.html"
    assert shown(["--html", str(path)], capsys).endswith(f"wrote {path}\n")
    page = path.read_text("utf-8")
    assert '<h2 id="example-1" dir="auto">scaled_dot × softmax</h2>' in page
    assert '<svg class="drawing"' in page
    assert "<script" not in page


def test_characters_no_font_has_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "flow.png"
    assert main(["mechanism", "--tokens", "\U0003fffd", "--png", str(path)]) == 0
    assert "no installed font has" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["additve"], "no score additve; did you mean additive?"),
        (["bahdanau"], "no score bahdanau; did you mean "),
        (["--normalizer", "softmx"], "no normalizer softmx; did you mean softmax?"),
        (["--bias", "alibbi"], "no bias alibbi; did you mean alibi?"),
        (["--normaliser", "softmax"], "unknown flag --normaliser; did you mean --normalizer?"),
        (["--tokens", " "], "--tokens must hold 1 to 12 words; got 0"),
        (["--tokens", "a " * 13], "--tokens must hold 1 to 12 words; got 13"),
        (["--queries", ""], "--queries must hold 1 to 12 words; got 0"),
        (["--tokens", "\udcff"], "sentence 1 is not UTF-8"),
        (["--window", "2"], "--window is two numbers, of words before and of words after"),
        (["--window", "1,-1"], "--window is two numbers, of words before and of words after"),
        (["--window", "a,b"], "--window is two numbers, of words before and of words after"),
        (["--width", "0"], "--width must be from 1 to 16; got 0"),
        (["--width", "17"], "--width must be from 1 to 16; got 17"),
        (["--seed", "-1"], "--seed must be from 0 to"),
        (["--png", "flow.gif"], "--png writes .png, .svg or .pdf; got flow.gif"),
        (["--png", "pairs.tsv/a.png"], "cannot write pairs.tsv/a.png: pairs.tsv is not a folder"),
    ],
)
def test_mistakes_are_one_line(words: list[str], said: str, refusal: Refusal) -> None:
    assert refusal(["mechanism", *words]).startswith(said)


def test_help_lists_every_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["mechanism", "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    for name in (*SCORES, *NORMALIZERS, *BIASES):
        assert name in out
    assert max(map(len, out.splitlines())) <= 100

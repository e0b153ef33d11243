"""Every recipe for classification learns, and what it leaves behind is read back as it was."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

import regard
from regard.data.corpus import encode_corpus
from regard.data.labelled import read_labelled
from regard.data.sentences import split_sentences
from regard.data.tokenizers import Tokenizer
from regard.recipes.classify.settings import (
    READERS,
    RECIPES,
    ClassifySettings,
    HierarchicalSettings,
    NgramSettings,
)
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.classify.train import evaluate_classifier, train_classifier
from regard.recipes.run import load_as, read_settings
from regard.training.run_directory import FORMAT, RunDirectory
from tests.conftest import ToyRun
from tests.toy_reviews import make_reviews, tiny, write_reviews

FIGURES = {
    *("loss", "texts", "accuracy", "macro_f1", "calibration_error"),
    *("classes", "confusion"),
}
PARTS = {"checkpoints", "config.json", "labels.json", "log", "metrics.json", "model.safetensors"}
PARTS |= {"tokenizer.json"}
TEXTS = [*(row.text for row in make_reviews(20, seed=5)), "", "zyx", "Wonderful!"]


class Trained(NamedTuple):
    settings: ClassifySettings
    run: RunDirectory
    metrics: dict[str, Any]
    reported: list[str]


@pytest.fixture(scope="module", params=RECIPES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train each recipe on 200 texts."""
    folder = tmp_path_factory.mktemp(request.param)
    reviews = make_reviews(260)
    train = write_reviews(folder / "train.csv", reviews[:200])
    validation = write_reviews(folder / "validation.csv", reviews[200:])
    # An entmax and a hard reader among them, whose weights need other gradients.
    model: dict[str, dict[str, Any]] = {
        "recurrent": {"normalizer": "entmax"},
        "convolutional": {"pooling": "lstm_query", "dropout": 0.0},
    }
    settings = tiny(
        request.param,
        data={"train": train, "validation": validation, "test": train},
        model=model.get(request.param, {}),
        training={"epochs": 4},
    )
    run, reported = RunDirectory(folder / "run"), list[str]()
    return Trained(settings, run, train_classifier(settings, run, report=reported.append), reported)


def test_every_recipe_learns(trained: Trained) -> None:
    for split in ("validation", "test"):
        assert trained.metrics[split]["accuracy"] >= 90, split
        assert trained.metrics[split]["macro_f1"] >= 90, split
    assert trained.metrics["validation"]["texts"] == 60
    first, *epochs = trained.reported
    assert first.startswith("200 texts to learn from, 60 to choose by, 200 to judge by; 2 classes;")
    assert [line.split()[1] for line in epochs] == ["1/4", "2/4", "3/4", "4/4"]
    best = epochs[trained.metrics["best_epoch"] - 1]
    assert f"accuracy {trained.metrics['validation']['accuracy']:.2f} %" in best
    assert f"validation loss {trained.metrics['validation']['loss']:.3f}" in best


def test_the_run_directory_holds_everything(trained: Trained) -> None:
    reader = type(trained.settings.model)
    own = {"ngrams.safetensors"} if reader is READERS["ngram"] else set()
    assert {path.name for path in trained.run.path.iterdir()} == PARTS | own
    checkpoints = {path.name for path in trained.run.checkpoints.iterdir()}
    assert checkpoints == {"best.ckpt", "last.ckpt"}
    config = json.loads((trained.run.path / "config.json").read_text("utf-8"))
    assert (config["format"], config["system"]) == (FORMAT, "classify")
    assert READERS[config["reader"]] is reader
    assert read_settings(trained.run) == trained.settings


def test_the_figures_say_what_was_measured(trained: Trained) -> None:
    metrics = trained.run.metrics()
    assert metrics == trained.metrics
    of_all = {"best_epoch", "epochs", "minutes", "step_ms", "parameters"}
    assert set(metrics) == of_all | {"validation", "test"}
    for split in ("validation", "test"):
        scores = metrics[split]
        assert set(scores) == FIGURES
        assert scores["classes"] == ["bad", "good"]
        confusion = torch.tensor(scores["confusion"])
        assert confusion.sum() == scores["texts"]
        share = confusion.diagonal().sum().item() / scores["texts"]
        assert scores["accuracy"] == pytest.approx(100 * share, abs=1e-4)
        assert 0 <= scores["calibration_error"] <= 100
    model = regard.load(trained.run.path).model
    assert metrics["parameters"] == sum(part.numel() for part in model.parameters())


def test_the_weights_are_those_of_the_best_epoch(trained: Trained) -> None:
    kept = load_file(trained.run.path / "model.safetensors")
    best = torch.load(trained.run.checkpoints / "best.ckpt", weights_only=True)["state_dict"]
    assert {f"model.{name}" for name in kept} == set(best)
    assert all(torch.equal(tensor, best[f"model.{name}"]) for name, tensor in kept.items())


def test_what_is_loaded_scores_what_was_measured(trained: Trained) -> None:
    system = load_as(ClassificationSystem, trained.run.path)
    texts = read_labelled(trained.settings.data.validation)
    scores = evaluate_classifier(system, encode_corpus(texts, system.encoder, system.labels))
    assert scores == trained.metrics["validation"]


def test_predictions_do_not_depend_on_their_company(trained: Trained) -> None:
    system = load_as(ClassificationSystem, trained.run.path)
    together = system.classify(TEXTS)
    assert len(together) == len(TEXTS)
    for text, found in zip(TEXTS, together, strict=True):
        [alone] = system.classify([text])
        assert found.labels == alone.labels
        assert found.num_read == alone.num_read
        assert found.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)
        [most] = found.labels
        assert found.probabilities[most] == max(found.probabilities.values())
    assert together[-3].num_read == 0


def test_what_counted_is_told_of_every_word(trained: Trained) -> None:
    system = load_as(ClassificationSystem, trained.run.path)
    looks = list(system.look(TEXTS))
    is_ngram = isinstance(trained.settings.model, NgramSettings)
    known = Tokenizer.load(trained.run.path / "tokenizer.json").vocab()
    for text, look, found in zip(TEXTS, looks, system.classify(TEXTS), strict=True):
        assert look.text == text
        assert look.prediction.labels == found.labels
        words = [text[start:end] for start, end in look.spans]
        assert "".join(words) == "".join(text.split())
        assert look.weights.shape == (len(words),)
        assert bool((look.weights >= 0).all())
        # Readers of n-grams pass over words that they do not know.
        is_heeded = any(word.lower() in known for word in words) if is_ngram else bool(text)
        assert float(look.weights.sum()) == pytest.approx(int(is_heeded), abs=1e-5)
        if isinstance(trained.settings.model, HierarchicalSettings):
            assert look.sentences is not None
            assert look.sentences == sorted(look.sentences)
            assert sorted(set(look.sentences)) == list(range(len(split_sentences(text))))
        else:
            assert look.sentences is None


def test_a_corpus_trained_on_twice_gives_the_same(tmp_path: Path, toy_classifier: ToyRun) -> None:
    settings = tiny("ngram", data={"train": toy_classifier.train, "test": toy_classifier.test})
    again = RunDirectory(tmp_path / "run")
    metrics = train_classifier(settings, again, report=lambda line: None)
    expected = RunDirectory(toy_classifier.path).metrics()
    times = {"minutes": 0, "step_ms": 0}
    assert metrics | times == expected | times
    for name in ("labels.json", "tokenizer.json", "ngrams.safetensors", "model.safetensors"):
        assert (again.path / name).read_bytes() == (toy_classifier.path / name).read_bytes(), name


def test_an_empty_text_gets_what_is_likely_without_reading(tmp_path: Path) -> None:
    # Nine of ten are good: so the bias says, with no word known too.
    rows = make_reviews(100, classes=["good"]) + make_reviews(12, seed=1, classes=["bad"])
    train = write_reviews(tmp_path / "train.csv", rows)
    settings = tiny("ngram", data={"train": train}, training={"select": "loss", "epochs": 6})
    train_classifier(settings, RunDirectory(tmp_path / "run"), report=lambda line: None)
    system = load_as(ClassificationSystem, tmp_path / "run")
    empty, unknown, bad = system.classify(["", "zyx wvu tsr", "it is awful"])
    assert empty.num_read == 0
    assert unknown.num_read == 3
    assert empty.probabilities == pytest.approx(unknown.probabilities, abs=1e-6)
    assert bad.labels == ("bad",)
    assert empty.probabilities["bad"] < bad.probabilities["bad"]


@pytest.mark.parametrize(
    "text",
    ["这部电影很棒。", "🙂 👩‍👩‍👧 wonderful 🎬", "שלום עולם", "\u200b\u0301", "a\x00b", "\n\n"],
)
def test_any_script_is_taken(toy_classifier: ToyRun, text: str) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    [look] = system.look([text])
    assert len(look.spans) == len(look.weights) == look.prediction.num_read
    assert all(0 <= start < end <= len(text) for start, end in look.spans)
    if "wonderful" in text:
        assert look.prediction.labels == ("good",)


def test_no_texts_are_classified_to_nothing(toy_classifier: ToyRun) -> None:
    assert load_as(ClassificationSystem, toy_classifier.path).classify([]) == []


def test_more_texts_than_are_read_at_once_keep_their_order(
    toy_classifier: ToyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    texts = [row.text for row in make_reviews(90, seed=8)]
    expected = [found.labels for found in system.classify(texts)]
    monkeypatch.setattr("regard.recipes.classify.system.TEXTS_AT_ONCE", 2)
    assert [found.labels for found in system.iterate(texts)] == expected
    assert set(expected) == {("bad",), ("good",)}


def test_a_model_that_does_not_classify_is_refused(toy_classifier: ToyRun) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    with pytest.raises(TypeError, match="Linear does not classify; see Classifier"):
        ClassificationSystem(torch.nn.Linear(1, 1), system.encoder, system.labels)


def test_one_text_is_no_list_of_texts(toy_classifier: ToyRun) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    with pytest.raises(TypeError, match="expected a list of texts, got one text"):
        system.classify("a wonderful film")
    with pytest.raises(TypeError, match="expected a list of texts, got one text"):
        list(system.look("a wonderful film"))

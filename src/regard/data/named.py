"""Data sets known by name: from a local folder, from the Hugging Face hub, or made on the spot."""

import random
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, TypeVar

from regard.data.dates import generate_dates
from regard.data.files import DataError, StrPath, plain_or_gz
from regard.data.hub import ADVICE, load_from_hub
from regard.data.parallel import ParallelText, collect_pairs, read_aligned, read_pairs
from regard.data.splits import Splits, hold_out
from regard.interfaces import Pair

__all__ = ["KNOWN", "NamedSet", "find_named", "load_named"]

Known = TypeVar("Known")


class NamedSet(NamedTuple):
    """What is known of a data set, and how it is loaded: from (folder or None, source, target)."""

    description: str
    origin: str
    licence: str
    load: Callable[[Path | None, str, str], Splits]


def load_named(
    name: str, folder: StrPath | None = None, *, source: str = "de", target: str = "en"
) -> Splits:
    """Load a data set of `KNOWN` in the direction `source` to `target` (which `dates` has none of).

    Raises:
        DataError: if the name, a language or a file is unknown, or the hub cannot be reached.
    """
    known = find_named(name, KNOWN)
    if source == target:
        raise DataError(f"source and target are both '{source}'; expected two languages")
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder")
    return known.load(None if folder is None else Path(folder), source, target)


def find_named(name: str, known: Mapping[str, Known]) -> Known:
    """Return what is known by a name.

    Raises:
        DataError: if nothing is; it names the nearest.
    """
    if name not in known:
        nearest = get_close_matches(name, known, n=1, cutoff=0)[0]
        raise DataError(
            f"unknown data set '{name}'; the nearest of {', '.join(known)} is '{nearest}'"
        )
    return known[name]


def _dates(folder: Path | None, _source: str, _target: str) -> Splits:
    if folder is not None:
        raise DataError(f"dates are generated and take no folder, got {folder}")
    return generate_dates()


_MULTI30K_HUB = "bentrevett/multi30k"


def _multi30k(folder: Path | None, source: str, target: str) -> Splits:
    if folder is None:
        return _multi30k_from_hub(source, target)

    def read(stem: str) -> ParallelText:
        return read_aligned(
            plain_or_gz(folder / f"{stem}.{source}"), plain_or_gz(folder / f"{stem}.{target}")
        )

    return Splits(read("train"), read("val"), read("test_2016_flickr"))


def _multi30k_from_hub(source: str, target: str) -> Splits:
    loaded = load_from_hub(_MULTI30K_HUB)

    def read(split: str) -> ParallelText:
        rows = loaded[split]
        for language in (source, target):
            if language not in rows.column_names:
                raise DataError(
                    f"{_MULTI30K_HUB} has the languages {', '.join(sorted(rows.column_names))},"
                    f" not '{language}'; for another, {ADVICE}"
                )
        pairs = map(Pair, rows[source], rows[target])
        return collect_pairs(pairs, f"{_MULTI30K_HUB}, {split}")

    return Splits(read("train"), read("validation"), read("test"))


_TATOEBA_HELD_OUT = 1_000
_TATOEBA_SEED = 20180513


def _tatoeba(folder: Path | None, source: str, target: str) -> Splits:
    if folder is None:
        raise DataError(
            "tatoeba needs a folder with deu.txt or deu.txt.gz; get deu-eng.zip from"
            " https://www.manythings.org/anki"
        )
    if {source, target} != {"de", "en"}:
        raise DataError(f"tatoeba has the languages de and en, not '{source}' to '{target}'")
    file = read_pairs(plain_or_gz(folder / "deu.txt"))  # English first
    rest, test = _hold_out_english(file.pairs)
    train, validation = _hold_out_english(rest)

    def directed(pairs: list[Pair]) -> list[Pair]:
        return pairs if source == "en" else [Pair(german, english) for english, german in pairs]

    random.Random(_TATOEBA_SEED).shuffle(train)
    return Splits(
        ParallelText(directed(train), file.skipped),
        ParallelText(directed(validation)),
        ParallelText(directed(test)),
    )


def _hold_out_english(pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    return hold_out(pairs, _TATOEBA_HELD_OUT, by=lambda pair: pair.source, seed=_TATOEBA_SEED)


KNOWN = {
    "dates": NamedSet(
        description="dates as a hundred locales write them, to ISO 8601; needs no files",
        origin="Unicode CLDR, through the Babel package",
        licence="Unicode License v3",
        load=_dates,
    ),
    "multi30k": NamedSet(
        description="captions of pictures, 29,000 for training; the test set is test_2016_flickr",
        origin="Elliott et al. 2016; a folder, or bentrevett/multi30k on the Hugging Face hub",
        licence="for research; the captions derive from Flickr30k",
        load=_multi30k,
    ),
    "tatoeba": NamedSet(
        description="short sentences; 1,000 English ones each held out for validation and test",
        origin="tatoeba.org through manythings.org/anki; a folder with deu.txt",
        licence="CC BY 2.0 FR",
        load=_tatoeba,
    ),
}
"""The data sets that `load_named` loads."""
